//! Payloads that the producer has compressed: `decode json(gzip)`.
//!
//! A payload is unpacked as a whole before it is decoded. What comes out is limited, so that a small payload cannot fill the
//! memory, and the state of the decompressor is kept from one payload to the next.

use bumpalo::Bump;

use super::{Fault, Found};

/// How payloads are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    #[cfg(feature = "gzip")]
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Packing {
    /// The option's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// Unpacks a payload of which at most `limit` bytes may come.
    pub(super) fn unpack<'a>(
        self,
        payload: &[u8],
        limit: usize,
        unpacker: &mut Unpacker,
        arena: &'a Bump,
    ) -> Result<&'a [u8], Fault> {
        unpacker.filled = 0;
        let outcome = match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => gzip::unpack(payload, limit, unpacker),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstandard::unpack(payload, limit, unpacker),
        };
        match outcome {
            Ok(()) => {
                let text = unpacker.out.get(..unpacker.filled).unwrap_or_default();
                Ok(arena.alloc_slice_copy(text))
            }
            Err(Broken::Large) => Err(Fault::new(
                "LIMIT",
                payload.len(),
                format!("a record of at most {limit} bytes, as `max_record` says"),
                Found::Text(&format!("more than {} unpacked from {}", limit, payload.len())),
            )),
            Err(Broken::Short) => Err(Fault::new("COMPRESSION", payload.len(), format!("more {self:?}"), Found::End)),
            Err(Broken::Malformed(at)) => {
                let byte = payload.get(at).copied().map_or(Found::End, Found::Byte);
                Err(Fault::new("COMPRESSION", at, format!("{self:?}"), byte))
            }
        }
    }
}

/// What is kept between payloads.
#[derive(Default)]
pub(super) struct Unpacker {
    /// What has come out, up to `filled`; what follows is left from earlier payloads.
    out: Vec<u8>,
    filled: usize,
    #[cfg(feature = "gzip")]
    inflate: Option<flate2::Decompress>,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::stream::raw::Decoder<'static>>,
}

impl Unpacker {
    /// Makes room behind what has come out; `limit` bytes and one more at most, as that one says that there are too many.
    fn room(&mut self, limit: usize) -> Result<(), Broken> {
        if self.filled > limit {
            return Err(Broken::Large);
        }
        if self.filled == self.out.len() {
            let size = (self.out.len() * 2).clamp(FIRST, limit.saturating_add(1).max(FIRST));
            self.out.resize(size, 0);
        }
        Ok(())
    }
}

/// Bytes that are made room for at first.
const FIRST: usize = 16 << 10;

/// Why a payload cannot be unpacked.
enum Broken {
    /// More comes out than the limit.
    Large,
    /// It ends too early.
    Short,
    /// It is not what it should be, at this byte.
    Malformed(usize),
}

#[cfg(feature = "gzip")]
mod gzip {
    use flate2::{Crc, Decompress, FlushDecompress, Status};

    use super::{Broken, Unpacker};

    /// Unpacks every member of a payload, one after the other.
    pub(super) fn unpack(payload: &[u8], limit: usize, unpacker: &mut Unpacker) -> Result<(), Broken> {
        let mut at = 0;
        while at < payload.len() || at == 0 {
            at = header(payload, at)?;
            at = member(payload, at, limit, unpacker)?;
        }
        if unpacker.filled > limit { Err(Broken::Large) } else { Ok(()) }
    }

    /// The place behind the header that is at `start`.
    fn header(payload: &[u8], start: usize) -> Result<usize, Broken> {
        let byte = |at: usize| payload.get(at).copied().ok_or(Broken::Short);
        for (offset, expected) in [0x1f, 0x8b, 8].into_iter().enumerate() {
            if byte(start + offset)? != expected {
                return Err(Broken::Malformed(start + offset));
            }
        }
        let flags = byte(start + 3)?;
        let mut at = start + 10;
        if flags & 0x04 != 0 {
            at += 2 + usize::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?]));
        }
        // A name and a comment end in a zero.
        for flag in [0x08, 0x10] {
            if flags & flag != 0 {
                let rest = payload.get(at..).ok_or(Broken::Short)?;
                at += memchr::memchr(0, rest).ok_or(Broken::Short)? + 1;
            }
        }
        if flags & 0x02 != 0 {
            at += 2;
        }
        if at > payload.len() { Err(Broken::Short) } else { Ok(at) }
    }

    /// Inflates the member whose data is at `start`; the place behind its checksum.
    fn member(payload: &[u8], start: usize, limit: usize, unpacker: &mut Unpacker) -> Result<usize, Broken> {
        let mut inflate = unpacker.inflate.take().unwrap_or_else(|| Decompress::new(false));
        inflate.reset(false);
        let from = unpacker.filled;
        let ended = loop {
            unpacker.room(limit)?;
            let taken = inflate.total_in() as usize;
            let (input, before) = (payload.get(start + taken..).unwrap_or_default(), inflate.total_out());
            let room = unpacker.out.get_mut(unpacker.filled..).unwrap_or_default();
            let status = inflate.decompress(input, room, FlushDecompress::None);
            unpacker.filled += (inflate.total_out() - before) as usize;
            match status {
                Ok(Status::StreamEnd) => break start + inflate.total_in() as usize,
                Ok(_) if inflate.total_in() as usize == taken && inflate.total_out() == before => {
                    return Err(Broken::Short);
                }
                Ok(_) => {}
                Err(_) => return Err(Broken::Malformed(start + inflate.total_in() as usize)),
            }
        };
        unpacker.inflate = Some(inflate);
        let trailer: Option<&[u8; 8]> = payload.get(ended..).and_then(|rest| rest.first_chunk());
        let Some([a, b, c, d, e, f, g, h]) = trailer.copied() else { return Err(Broken::Short) };
        let text = unpacker.out.get(from..unpacker.filled).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(text);
        let whole =
            u32::from_le_bytes([a, b, c, d]) == crc.sum() && u32::from_le_bytes([e, f, g, h]) == text.len() as u32;
        if whole { Ok(ended + 8) } else { Err(Broken::Malformed(ended)) }
    }
}

#[cfg(feature = "zstd")]
mod zstandard {
    use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

    use super::{Broken, Unpacker};

    /// Unpacks every frame of a payload, one after the other.
    pub(super) fn unpack(payload: &[u8], limit: usize, unpacker: &mut Unpacker) -> Result<(), Broken> {
        let mut decoder = match unpacker.zstd.take() {
            Some(decoder) => decoder,
            None => Decoder::new().map_err(|_| Broken::Malformed(0))?,
        };
        decoder.reinit().map_err(|_| Broken::Malformed(0))?;
        let mut input = InBuffer::around(payload);
        loop {
            unpacker.room(limit)?;
            let (taken, before) = (input.pos(), unpacker.filled);
            let room = unpacker.out.get_mut(before..).unwrap_or_default();
            let mut output = OutBuffer::around(room);
            let left = decoder.run(&mut input, &mut output).map_err(|_| Broken::Malformed(taken))?;
            unpacker.filled += output.pos();
            let read = input.pos() == payload.len();
            if left == 0 && read {
                break;
            }
            if input.pos() == taken && unpacker.filled == before {
                return Err(Broken::Short);
            }
        }
        unpacker.zstd = Some(decoder);
        if unpacker.filled > limit { Err(Broken::Large) } else { Ok(()) }
    }
}
