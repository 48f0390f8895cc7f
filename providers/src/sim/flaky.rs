//! `sim-flaky`: refusals and broken answers at given rates, decided by a hash of seed and request id.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Piece, Script, Step,
    ask::{Ask, Model, Refusal, fold},
    schema::mix,
};

/// Rate of each failure when no header says otherwise.
const USUAL_RATE: f64 = 0.1;

/// 429 or 500, at the rates of `x-sim-rate-429` and `x-sim-rate-500`.
pub(super) fn refuse(ask: &Ask) -> Result<(), Refusal> {
    if ask.model != Model::Flaky {
        return Ok(());
    }
    let refusal = |status, code, message: &str| Refusal { status, code, message: message.to_owned(), param: None };
    if happens(ask, "x-sim-rate-429") {
        Err(refusal(429, "rate_limit_exceeded", "sim-flaky is throttling this request; try again in 1 second."))
    } else if happens(ask, "x-sim-rate-500") {
        Err(refusal(500, "server_error", "sim-flaky failed this request."))
    } else {
        Ok(())
    }
}

/// Breaks the answer in its middle, at the rate of `x-sim-rate-cut`.
pub(super) fn cut(ask: &Ask, script: Script) -> Script {
    if ask.model != Model::Flaky || !happens(ask, "x-sim-rate-cut") {
        return script;
    }
    let steps: Box<dyn Iterator<Item = Step> + Send + Sync> = if ask.stream {
        // Behind the role chunk and a word or two.
        Box::new(script.steps.take(3).chain(std::iter::once(break_off())))
    } else {
        Box::new(script.steps.flat_map(|step| [halved(step), break_off()]))
    };
    Script { steps, ..script }
}

fn break_off() -> Step {
    Step { after: Duration::from_millis(1), piece: Piece::Cut }
}

fn halved(step: Step) -> Step {
    match step.piece {
        Piece::Data(bytes) => Step { piece: Piece::Data(half(&bytes)), ..step },
        Piece::Cut => step,
    }
}

fn half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

/// Whether this failure happens to this request: each failure has a draw of its own.
fn happens(ask: &Ask, knob: &str) -> bool {
    let salt = knob.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let draw = mix(ask.seed ^ fold(ask.id).rotate_left(17) ^ salt) >> 40;
    let draw = f64::from(u32::try_from(draw).expect("24 bits")) / f64::from(1_u32 << 24);
    draw < ask.knob(knob).unwrap_or(USUAL_RATE)
}
