//! An answer to GetRecords, read where it lies.

use aws_smithy_json::codec::{JsonCodec, JsonCodecSettings, JsonDeserializer};
use aws_smithy_schema::codec::Codec;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_schema::{Schema, prelude};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};
use memchr::memchr2;

/// What is called for each member of an object.
type OfMember<'f> = &'f mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>;

/// What is wrong with one that could be any JSON.
pub(super) const NO_RECORDS: &str = "an answer to GetRecords has no `Records`";

/// A place in the body of an answer.
pub(super) struct Answer<'a> {
    /// What has not been read.
    rest: &'a [u8],
    /// Objects and lists that are open.
    depth: usize,
    /// For what is not common.
    sdk: JsonCodec,
}

impl<'a> Answer<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        let settings = JsonCodecSettings::builder().use_json_name(false).build();
        Self { rest: body, depth: 0, sdk: JsonCodec::new(settings) }
    }

    /// Has the SDK read a value.
    fn by_sdk<T>(
        &mut self,
        read: impl FnOnce(&mut JsonDeserializer<'a>) -> Result<T, SerdeError>,
    ) -> Result<T, SerdeError> {
        let mut sdk = self.sdk.create_deserializer(self.rest);
        let value = read(&mut sdk)?;
        self.rest = self.rest.get(sdk.position()..).unwrap_or_default();
        Ok(value)
    }

    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes over this byte, if it comes next but for blanks.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), SerdeError> {
        if self.take(byte) { Ok(()) } else { Err(unexpected(byte)) }
    }

    /// What is between the quotes of a string that begins here, if it has no escapes.
    fn plain(&mut self) -> Option<&'a [u8]> {
        self.skip_whitespace();
        let text = self.rest.strip_prefix(b"\"")?;
        let end = memchr2(b'"', b'\\', text)?;
        let (text, rest) = text.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// The member whose key comes next; none if it is not known.
    fn member<'s>(&mut self, schema: &'s Schema<'s>) -> Result<Option<&'s Schema<'s>>, SerdeError> {
        let before = self.rest;
        if let Some(key) = self.plain() {
            let is_it = |member: &&&Schema<'_>| member.member_name().is_some_and(|name| name.as_bytes() == key);
            if let Some(member) = schema.members().iter().find(is_it) {
                return Ok(Some(member));
            }
        }
        self.rest = before;
        let key = self.by_sdk(|sdk| sdk.read_string(&prelude::STRING))?;
        Ok(schema.member_schema(&key))
    }

    /// Opens an object or a list, calls `element` at each of its elements, and closes it.
    fn each(
        &mut self,
        (open, close): (u8, u8),
        mut element: impl FnMut(&mut Self) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.expect(open)?;
        self.depth += 1;
        let mut is_first = true;
        while !self.take(close) {
            if !std::mem::take(&mut is_first) {
                self.expect(b',')?;
            }
            self.skip_whitespace();
            element(self)?;
        }
        self.depth -= 1;
        self.skip_whitespace();
        if self.depth == 0 && !self.rest.is_empty() {
            return Err(SerdeError::invalid_input("something follows the answer"));
        }
        Ok(())
    }

    /// Seconds since 1970 with a fraction, as every server writes them: exactly, where the SDK would make a float of them.
    fn seconds(&mut self) -> Option<DateTime> {
        self.skip_whitespace();
        let (seconds, _, rest) = digits(self.rest, 12)?;
        let (fraction, count, rest) = match rest.strip_prefix(b".") {
            Some(rest) => digits(rest, 9)?,
            None => (0, 0, rest),
        };
        if !matches!(rest, [b',' | b'}', ..]) {
            return None;
        }
        let nanos = fraction as u32 * 10_u32.pow(9 - count);
        self.rest = rest;
        Some(DateTime::from_secs_and_nanos(seconds as i64, nanos))
    }
}

/// A number of at most so many digits that begins here, the count of its digits, and what follows.
fn digits(text: &[u8], most: usize) -> Option<(u64, u32, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count).filter(|_| (1..=most).contains(&count))?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some((number, count as u32, rest))
}

fn unexpected(byte: u8) -> SerdeError {
    SerdeError::invalid_input(format!("an answer to GetRecords has no `{}` where one belongs", byte as char))
}

impl ShapeDeserializer for Answer<'_> {
    fn read_struct(&mut self, schema: &Schema<'_>, of_member: OfMember<'_>) -> Result<(), SerdeError> {
        // The answer itself, which is nothing without records. What something between us and the service says instead would
        // be the end of a shard.
        let mut is_answer = self.depth > 0;
        self.each((b'{', b'}'), |answer| {
            let member = answer.member(schema)?;
            answer.expect(b':')?;
            answer.skip_whitespace();
            match member {
                _ if answer.is_null() => answer.read_null(),
                Some(member) => {
                    is_answer |= member.member_name() == Some("Records");
                    of_member(member, answer)
                }
                None => answer.skip_value(),
            }
        })?;
        if is_answer { Ok(()) } else { Err(SerdeError::invalid_input(NO_RECORDS)) }
    }

    fn read_list(
        &mut self,
        _: &Schema<'_>,
        of_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.each((b'[', b']'), |answer| of_element(answer))
    }

    fn read_string(&mut self, schema: &Schema<'_>) -> Result<String, SerdeError> {
        let before = self.rest;
        match self.plain().map(std::str::from_utf8) {
            Some(Ok(text)) => Ok(text.to_owned()),
            _ => {
                self.rest = before;
                self.by_sdk(|sdk| sdk.read_string(schema))
            }
        }
    }

    fn read_blob(&mut self, schema: &Schema<'_>) -> Result<Blob, SerdeError> {
        let before = self.rest;
        match self.plain().map(|text| base64_simd::STANDARD.decode_to_vec(text)) {
            Some(Ok(data)) => Ok(Blob::new(data)),
            _ => {
                self.rest = before;
                self.by_sdk(|sdk| sdk.read_blob(schema))
            }
        }
    }

    fn read_timestamp(&mut self, schema: &Schema<'_>) -> Result<DateTime, SerdeError> {
        match self.seconds() {
            Some(time) => Ok(time),
            None => self.by_sdk(|sdk| sdk.read_timestamp(schema)),
        }
    }

    fn is_null(&self) -> bool {
        let after = self.rest.strip_prefix(b"null");
        after.is_some_and(|after| !after.first().is_some_and(u8::is_ascii_alphanumeric))
    }

    fn read_null(&mut self) -> Result<(), SerdeError> {
        self.skip_whitespace();
        if self.is_null() {
            self.rest = self.rest.get(4..).unwrap_or_default();
        }
        Ok(())
    }

    fn skip_value(&mut self) -> Result<(), SerdeError> {
        self.by_sdk(ShapeDeserializer::skip_value)
    }

    fn container_size(&self) -> Option<usize> {
        None
    }

    // No answer to GetRecords has what follows, but for numbers, of which there is one.

    fn read_map(
        &mut self,
        schema: &Schema<'_>,
        of_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.by_sdk(|sdk| sdk.read_map(schema, of_entry))
    }

    fn read_boolean(&mut self, schema: &Schema<'_>) -> Result<bool, SerdeError> {
        self.by_sdk(|sdk| sdk.read_boolean(schema))
    }

    fn read_byte(&mut self, schema: &Schema<'_>) -> Result<i8, SerdeError> {
        self.by_sdk(|sdk| sdk.read_byte(schema))
    }

    fn read_short(&mut self, schema: &Schema<'_>) -> Result<i16, SerdeError> {
        self.by_sdk(|sdk| sdk.read_short(schema))
    }

    fn read_integer(&mut self, schema: &Schema<'_>) -> Result<i32, SerdeError> {
        self.by_sdk(|sdk| sdk.read_integer(schema))
    }

    fn read_long(&mut self, schema: &Schema<'_>) -> Result<i64, SerdeError> {
        self.by_sdk(|sdk| sdk.read_long(schema))
    }

    fn read_float(&mut self, schema: &Schema<'_>) -> Result<f32, SerdeError> {
        self.by_sdk(|sdk| sdk.read_float(schema))
    }

    fn read_double(&mut self, schema: &Schema<'_>) -> Result<f64, SerdeError> {
        self.by_sdk(|sdk| sdk.read_double(schema))
    }

    fn read_big_integer(&mut self, schema: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        self.by_sdk(|sdk| sdk.read_big_integer(schema))
    }

    fn read_big_decimal(&mut self, schema: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        self.by_sdk(|sdk| sdk.read_big_decimal(schema))
    }

    fn read_document(&mut self, schema: &Schema<'_>) -> Result<Document, SerdeError> {
        self.by_sdk(|sdk| sdk.read_document(schema))
    }
}
