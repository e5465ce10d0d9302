//! `decode json as T`.

use std::marker::PhantomData;

use bumpalo::Bump;

use super::{Decoder, Fault, Format};
use crate::schema::{Projection, StreamSchema};

/// JSON.
#[must_use]
pub fn json() -> Json {
    Json {}
}

/// The format [`json`].
#[derive(Debug, Clone)]
pub struct Json {}

/// The decoder.
pub struct JsonDecoder<T, P>(PhantomData<fn() -> (T, P)>);

impl Format for Json {
    type Decoder<T: StreamSchema, P: Projection> = JsonDecoder<T, P>;
    fn decoder<T: StreamSchema, P: Projection>(self) -> JsonDecoder<T, P> {
        JsonDecoder(PhantomData)
    }
    fn describe(&self) -> String {
        "json".to_owned()
    }
}

impl<T: StreamSchema, P: Projection> Decoder for JsonDecoder<T, P> {
    type Row<'a> = T::View<'a>;
    type Scratch = ();
    fn next<'a>(
        &self,
        _payload: &'a [u8],
        _at: &mut usize,
        _arena: &'a Bump,
        (): &mut (),
    ) -> Result<Option<Self::Row<'a>>, Fault> {
        Ok(None)
    }
}
