//! Answers made of what is kept.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{
    super::{answer::Answer, decode::Decoder, exchange::Exchange, policies},
    asking::Question,
};
use crate::cache::http::{Entry, conditions};

/// The answer that an entry gives to this caller; `status` is what `x-tollgate-cache` says.
pub fn serve(exchange: &mut Exchange, question: &Question, entry: &Entry, status: &'static str) -> Answer {
    exchange.cache_status = Some(status);
    let now = exchange.gateway.clock.now();
    let headers = entry.told(now);
    if conditions::has_it(&question.conditions, entry, now) {
        return not_modified(headers);
    }
    let (headers, body) = readable(exchange, headers, entry.body.clone());
    answer(entry.status, headers, body)
}

/// The caller has it already.
pub fn not_modified(mut headers: HeaderMap) -> Answer {
    conditions::shorten(&mut headers);
    answer(StatusCode::NOT_MODIFIED, headers, Bytes::new())
}

/// Nothing is kept, and the caller wants nothing else (RFC 9111, section 5.2.1.7).
pub fn nothing(exchange: &mut Exchange) -> Answer {
    exchange.cache_status = Some("miss");
    let text = r#"{"statusCode":504,"message":"The answer is not in the cache, and the request says only-if-cached."}"#;
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    answer(StatusCode::GATEWAY_TIMEOUT, headers, Bytes::from_static(text.as_bytes()))
}

fn answer(status: StatusCode, headers: HeaderMap, body: Bytes) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Answer::Local(answer)
}

/// Policies read bodies without their coding, and take what is in memory for one.
fn readable(exchange: &Exchange, headers: HeaderMap, body: Bytes) -> (HeaderMap, Bytes) {
    if !policies::apply(exchange) || !headers.contains_key(header::CONTENT_ENCODING) {
        return (headers, body);
    }
    let mut plain = headers.clone();
    let decoded = Decoder::of(&mut plain).ok().flatten().and_then(|mut decoder| {
        let (first, rest) = (decoder.push(&body).ok()?, decoder.finish().ok()?);
        Some(Bytes::from([first, rest].concat()))
    });
    decoded.map_or((headers, body), |body| (plain, body))
}
