//! What stays the same over the turns of one conversation, for affinity.
//!
//! Deliberately not here: what affinity does with it.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    Surface,
    json::{Elements, Members, lenient},
};

/// A stable hash of the system prompt and the first user message as the caller spelled them: the same for every
/// turn of one conversation. `None` where a body has neither.
#[must_use]
pub fn conversation_key(surface: Surface, body: &[u8]) -> Option<u64> {
    let members: Members<'_> = serde_json::from_slice(body).ok()?;
    let (system, turns) = match surface {
        Surface::ChatCompletions => (None, members.get("messages")),
        Surface::Messages => (members.get("system"), members.get("messages")),
        Surface::Responses => (members.get("instructions"), members.get("input")),
        Surface::GenerateContent | Surface::StreamGenerateContent => {
            (members.get("systemInstruction").or_else(|| members.get("system_instruction")), members.get("contents"))
        }
        _ => return None,
    };
    let mut hash = Sha256::new();
    let mut feed = |raw: &RawValue| {
        hash.update(raw.get().as_bytes());
        hash.update([0]);
    };
    system.into_iter().for_each(&mut feed);
    opening_turns(turns?).into_iter().for_each(&mut feed);
    let digest = hash.finalize();
    let head = digest.first_chunk::<8>().expect("a SHA-256 digest has 32 bytes");
    Some(u64::from_be_bytes(*head))
}

/// Everything up to and with the first user turn: a plain string is its own turn.
fn opening_turns(turns: &RawValue) -> Vec<&RawValue> {
    let Some(Elements(turns)) = lenient(Some(turns)) else { return vec![turns] };
    let is_user = |turn: &RawValue| {
        let role = lenient::<Members<'_>>(Some(turn)).and_then(|members| lenient::<String>(members.get("role")));
        role.is_none_or(|role| role == "user")
    };
    let first = turns.iter().position(|turn| is_user(turn)).map_or(turns.len(), |at| at + 1);
    turns.into_iter().take(first).collect()
}
