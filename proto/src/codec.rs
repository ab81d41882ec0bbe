//! How much memory a stream of messages takes while nothing crosses it.
//!
//! # Guarantees
//! A stream holds two buffers of [`BUFFER`] bytes. Larger messages make them grow for as long as
//! they need.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// What a command or an answer fits into. tonic's own choice is eight times as much, which with
/// ten thousand agents is 140 MiB of nothing.
const BUFFER: usize = 1 << 10;

/// From how many encoded bytes on no further message is waited for; tonic's own choice.
const FULL: usize = 32 << 10;

/// tonic's codec for prost with small buffers.
#[derive(Clone, Debug)]
pub struct SmallCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for SmallCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SmallCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER, FULL))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BUFFER, FULL))
    }
}
