//! Legacy completions: chunks of `choices[0].text`, closed like chat.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Finish, Unusual,
    chat::{Frame, Top, ended, only_choice, take_choice},
    frames::{Event, until_done},
    lines::{DONE, pieces},
    merge::{append, says, without},
};

pub(super) fn finish(answer: &Value) -> Result<Finish, Unusual> {
    let choice = only_choice(answer)?;
    let text = choice["text"].as_str().ok_or(Unusual::Unreadable)?;
    ended(&choice["finish_reason"], false, !text.is_empty())
}

pub(super) fn whole(events: &[Event]) -> Result<Value, Unusual> {
    let mut top = Top::default();
    let mut choice = Map::new();
    let mut text = Value::from("");
    for chunk in until_done(events)? {
        top.take(chunk)?;
        let Some(part) = Top::choice_of(chunk)? else { continue };
        if choice.get("finish_reason").is_some_and(says) && says(&part["text"]) {
            return Err(Unusual::Contradictory);
        }
        take_choice(&mut choice, part, "text")?;
        append(&mut text, &part["text"])?;
    }
    choice.insert("text".into(), text);
    Ok(top.answer("text_completion", choice))
}

pub(super) fn events(answer: &Value, include_usage: bool) -> Result<Vec<Bytes>, Unusual> {
    let choice = only_choice(answer)?;
    let frame = Frame::of(answer, "text_completion", include_usage);
    let line = frame.text_line();
    let mut all = frame.filters(answer);
    let text = choice["text"].as_str().unwrap_or_default();
    all.extend(pieces(text).into_iter().map(|piece| line.with(piece)));
    let mut last = Value::Object(without(choice, &["text"]));
    last["text"] = "".into();
    all.push(frame.choice(last, &choice["finish_reason"]));
    all.extend(frame.usage(answer));
    all.push(DONE);
    Ok(all)
}
