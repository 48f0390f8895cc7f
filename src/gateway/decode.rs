//! Taking a content coding off, piece by piece.
//!
//! Model backends are asked for `identity`; some compress all the same, and usage cannot be read from that.

use std::io::{self, Write};

use bytes::Bytes;
use http::{HeaderMap, header};
use zstd::stream::{raw, zio};

/// Most bytes that one piece may decode to: the largest event that is read. Real answers come nowhere near it; a
/// coding that expands a thousandfold would otherwise fill the memory before anybody could look.
const MOST_AT_ONCE: usize = 64 << 20;

/// A streaming decoder of one content coding.
pub struct Decoder {
    coding: Coding,
    /// Nothing came yet: an answer without a body is whole in every coding.
    is_fresh: bool,
}

enum Coding {
    /// gzip
    Gzip(Box<flate2::write::MultiGzDecoder<Decoded>>),
    /// deflate with the zlib wrapper (RFC 9110 8.4.1.2).
    Deflate(Box<flate2::write::ZlibDecoder<Decoded>>),
    /// br
    Brotli(Box<brotli::DecompressorWriter<Decoded>>),
    /// zstd
    Zstd(Box<Zstd>),
}

type Zstd = zio::Writer<Decoded, raw::Decoder<'static>>;

impl Decoder {
    /// The decoder that `headers` ask for; the headers that spoke of coded bytes are taken out with it.
    ///
    /// `Ok(None)`: the body is not coded. An unknown or stacked coding is an error that names it.
    pub fn of(headers: &mut HeaderMap) -> Result<Option<Self>, String> {
        let Some(coding) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        let coding = match coding.as_bytes().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => return Ok(None),
            b"gzip" | b"x-gzip" => Coding::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Decoded::default()))),
            b"deflate" => Coding::Deflate(Box::new(flate2::write::ZlibDecoder::new(Decoded::default()))),
            b"br" => Coding::Brotli(Box::new(brotli::DecompressorWriter::new(Decoded::default(), 4096))),
            b"zstd" => {
                let decoder = raw::Decoder::new().map_err(|error| error.to_string())?;
                Coding::Zstd(Box::new(zio::Writer::new(Decoded::default(), decoder)))
            }
            other => return Err(format!("unknown content coding `{}`", String::from_utf8_lossy(other))),
        };
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        Ok(Some(Self { coding, is_fresh: true }))
    }

    /// Decodes one piece; what comes out may be empty. One that expands beyond reason is an error.
    pub fn push(&mut self, coded: &[u8]) -> io::Result<Bytes> {
        self.is_fresh &= coded.is_empty();
        match &mut self.coding {
            Coding::Gzip(decoder) => {
                decoder.write_all(coded)?;
                decoder.flush()?;
                Ok(take(decoder.get_mut()))
            }
            Coding::Deflate(decoder) => {
                decoder.write_all(coded)?;
                decoder.flush()?;
                Ok(take(decoder.get_mut()))
            }
            Coding::Brotli(decoder) => {
                decoder.write_all(coded)?;
                decoder.flush()?;
                Ok(take(decoder.get_mut()))
            }
            Coding::Zstd(decoder) => {
                decoder.write_all(coded)?;
                decoder.flush()?;
                Ok(take(decoder.writer_mut()))
            }
        }
    }

    /// The coded bytes have ended: what is left, or an error when they end before what they code does.
    pub fn finish(&mut self) -> io::Result<Bytes> {
        if self.is_fresh {
            return Ok(Bytes::new());
        }
        match &mut self.coding {
            Coding::Gzip(decoder) => decoder.try_finish().map(|()| take(decoder.get_mut())),
            Coding::Deflate(decoder) => decoder.try_finish().map(|()| take(decoder.get_mut())),
            Coding::Brotli(decoder) => decoder.close().map(|()| take(decoder.get_mut())),
            Coding::Zstd(decoder) => decoder.finish().map(|()| take(decoder.writer_mut())),
        }
    }
}

fn take(decoded: &mut Decoded) -> Bytes {
    Bytes::from(std::mem::take(&mut decoded.0))
}

/// What came out since it was last taken, within [`MOST_AT_ONCE`].
#[derive(Default)]
struct Decoded(Vec<u8>);

impl Write for Decoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_AT_ONCE {
            return Err(io::Error::other(format!("one piece expands to more than {MOST_AT_ONCE} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
                encoder.write_all(text).expect("memory");
                encoder.finish().expect("memory");
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::fast());
                encoder.write_all(text).expect("memory");
                encoder.finish().expect("memory");
            }
            "br" => {
                brotli::CompressorWriter::new(&mut out, 4096, 4, 22).write_all(text).expect("memory");
            }
            "zstd" => out = zstd::encode_all(text, 1).expect("memory"),
            other => panic!("{other}"),
        }
        out
    }

    #[test]
    fn every_coding_decodes_in_single_bytes() {
        let text = b"data: {\"a\":1}\n\ndata: [DONE]\n\n".repeat(50);
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, coding.parse().expect("coding"));
            headers.insert(header::CONTENT_LENGTH, 5.into());
            let mut decoder = Decoder::of(&mut headers).expect(coding).expect(coding);
            assert!(headers.is_empty());
            let mut decoded = Vec::new();
            for byte in coded(coding, &text) {
                decoded.extend_from_slice(&decoder.push(&[byte]).expect(coding));
            }
            decoded.extend_from_slice(&decoder.finish().expect(coding));
            assert_eq!(decoded, text, "{coding}");
        }
    }

    #[test]
    fn an_end_before_the_end_is_an_error() {
        let text = b"data: {\"a\":1}\n\ndata: [DONE]\n\n".repeat(50);
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let whole = coded(coding, &text);
            for length in 0..=whole.len() {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_ENCODING, coding.parse().expect("coding"));
                let mut decoder = Decoder::of(&mut headers).expect(coding).expect(coding);
                decoder.push(&whole[..length]).expect(coding);
                let is_whole = length == 0 || length == whole.len();
                assert_eq!(decoder.finish().is_ok(), is_whole, "{coding} {length} of {}", whole.len());
            }
        }
    }

    #[test]
    fn a_piece_that_expands_beyond_reason_is_an_error() {
        let bomb = vec![b'a'; MOST_AT_ONCE + (1 << 20)];
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, coding.parse().expect("coding"));
            let mut decoder = Decoder::of(&mut headers).expect(coding).expect(coding);
            let error = decoder.push(&coded(coding, &bomb)).expect_err(coding);
            assert!(error.to_string().contains("expands"), "{coding}: {error}");
        }
    }

    #[test]
    fn junk_and_unknown_codings_are_errors() {
        for coding in ["gzip", "deflate", "zstd"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, coding.parse().expect("coding"));
            let mut decoder = Decoder::of(&mut headers).expect(coding).expect(coding);
            assert!(decoder.push(b"this is not compressed at all").is_err(), "{coding}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, "gzip, br".parse().expect("value"));
        assert!(Decoder::of(&mut headers).is_err());
    }
}
