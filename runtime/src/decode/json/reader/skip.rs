//! Values that nobody reads: checked for their syntax and the limits.

use super::{JsonReader, number};
use crate::decode::Fault;

impl JsonReader<'_, '_> {
    /// Takes a list or an object of any depth without recursion; whether each level is an object is a bit of a stack.
    #[inline(never)]
    pub(super) fn skip_nested(&mut self) -> Result<(), Fault> {
        let outer = self.depth;
        let mut objects = 0u128;
        loop {
            // A value begins here.
            match self.peek() {
                Some(b'{') => {
                    self.enter()?;
                    objects = objects << 1 | 1;
                    if self.peek() != Some(b'}') {
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter()?;
                    objects <<= 1;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                byte => self.skip_scalar(byte)?,
            }
            // A value ended, or a level that has none is about to.
            loop {
                if self.depth == outer {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(self.syntax(self.at, if object { "`,` or `}`" } else { "`,` or `]`" })),
                }
                objects >>= 1;
                self.leave();
            }
        }
    }

    #[inline(always)]
    fn skip_key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(self.at, "a key"));
        }
        self.at += 1;
        self.skip_string()?;
        self.colon()
    }

    /// Takes a value that begins with this byte and is no list and no object.
    #[inline(always)]
    pub(super) fn skip_scalar(&mut self, byte: Option<u8>) -> Result<(), Fault> {
        match byte {
            Some(b'"') => {
                self.at += 1;
                self.skip_string()
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.syntax(self.at, "a value")),
        }
    }

    #[inline(always)]
    pub(super) fn skip_number(&mut self) -> Result<(), Fault> {
        match number::skip(self.text.as_bytes(), self.at) {
            Ok(end) => {
                self.at = end;
                Ok(())
            }
            Err(at) => Err(self.syntax(at, "a number")),
        }
    }
}
