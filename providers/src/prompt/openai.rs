//! Prompts of OpenAI's surfaces: chat, Responses, and bare inputs (completions, embeddings, rerank).

use serde_json::value::RawValue;

use super::{Part, Prompt, Unbounded, words};
use crate::json::{Elements, Members, lenient, object};

impl<'a> Prompt<'a> {
    pub(super) fn chat(&mut self, body: &Members<'a>) {
        for message in elements(body.get("messages")) {
            self.message(message);
        }
        for tool in elements(body.get("tools")) {
            self.openai_tool(tool);
        }
        elements(body.get("functions")).for_each(|function| self.tool(function));
        self.schema(body.get("response_format"), "json_schema");
        if body.get("web_search_options").is_some() {
            self.unbounded(Unbounded::ServerTool);
        }
    }

    pub(super) fn responses(&mut self, body: &Members<'a>) {
        if let Some(instructions) = body.get("instructions") {
            self.messages += 1;
            self.content(instructions);
        }
        match body.get("input") {
            Some(input) if input.get().starts_with('[') => elements(Some(input)).for_each(|item| self.item(item)),
            Some(input) => {
                self.messages += 1;
                self.content(input);
            }
            None => {}
        }
        elements(body.get("tools")).for_each(|tool| self.openai_tool(tool));
        self.schema(body.get("text").and_then(|text| object(Some(text))?.get("format")), "schema");
        for (name, what) in [
            ("previous_response_id", Unbounded::Stored),
            ("conversation", Unbounded::Stored),
            ("prompt", Unbounded::Template),
        ] {
            if body.get(name).is_some_and(|raw| raw.get() != "null") {
                self.unbounded(what);
            }
        }
    }

    /// Inputs without messages: strings, lists of strings, tokens as numbers, lists of those.
    pub(super) fn given(&mut self, body: &Members<'a>, names: &[&str]) {
        names.iter().filter_map(|name| body.get(name)).for_each(|raw| self.input(raw));
    }

    fn input(&mut self, raw: &'a RawValue) {
        match raw.get().as_bytes().first() {
            Some(b'"') => self.say(Part::Words, raw),
            Some(b'[') => elements(Some(raw)).for_each(|raw| self.input(raw)),
            Some(b'0'..=b'9') => self.token_ids += 1,
            Some(b'{') => self.content(raw),
            _ => self.unread(raw),
        }
    }

    pub(super) fn message(&mut self, raw: &'a RawValue) {
        let Some(message) = object(Some(raw)) else { return self.unread(raw) };
        self.messages += 1;
        for (name, value) in &message.0 {
            match &**name {
                "role" => self.say(Part::Role, value),
                "name" => self.say(Part::Name, value),
                "content" | "refusal" | "reasoning_content" | "reasoning" => self.content(value),
                "tool_calls" => elements(Some(value)).for_each(|call| self.openai_call(call)),
                "function_call" => self.openai_call(value),
                "audio" if value.get() != "null" => self.unbounded(Unbounded::Audio),
                "tool_call_id" | "id" | "type" | "status" | "annotations" | "cache_control" | "phase" => {}
                _ => self.unread(value),
            }
        }
    }

    /// `{function: {name, arguments}}`, `{custom: {name, input}}`, or what is inside.
    fn openai_call(&mut self, raw: &'a RawValue) {
        let Some(call) = object(Some(raw)) else { return self.unread(raw) };
        let inside = object(call.get("function")).or_else(|| object(call.get("custom")));
        self.call(inside.as_ref().unwrap_or(&call));
    }

    fn openai_tool(&mut self, raw: &'a RawValue) {
        let Some(tool) = object(Some(raw)) else { return self.unread(raw) };
        let inside = tool.get("function").or_else(|| tool.get("custom"));
        match tool.get("type").and_then(words).as_deref() {
            _ if inside.is_some() => inside.into_iter().for_each(|raw| self.tool(raw)),
            None | Some("function" | "custom") => self.tool(raw),
            Some(_) => self.unbounded(Unbounded::ServerTool),
        }
    }

    /// An item of the Responses API: a message, a call, its output, or something kept by the vendor.
    fn item(&mut self, raw: &'a RawValue) {
        let Some(item) = object(Some(raw)) else { return self.unread(raw) };
        match item.get("type").and_then(words).as_deref() {
            None if item.get("role").is_none() && item.get("id").is_some() => self.unbounded(Unbounded::Stored),
            None | Some("message") => self.message(raw),
            Some("function_call" | "custom_tool_call") => {
                self.messages += 1;
                self.call(&item);
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                self.messages += 1;
                item.get("output").into_iter().for_each(|raw| self.content(raw));
            }
            Some("reasoning") => {
                self.messages += 1;
                for name in ["summary", "content"] {
                    item.get(name).into_iter().for_each(|raw| self.content(raw));
                }
                item.get("encrypted_content").into_iter().for_each(|raw| self.unread(raw));
            }
            Some("item_reference") => self.unbounded(Unbounded::Stored),
            Some(_) => {
                self.messages += 1;
                self.unread(raw);
            }
        }
    }

    /// The schema of a structured answer is read by the model too.
    fn schema(&mut self, format: Option<&'a RawValue>, name: &str) {
        if let Some(schema) = object(format).and_then(|format| format.get(name)) {
            self.say_json(Part::Schema, schema);
        }
    }
}

/// The elements of a list; of anything else, none.
pub(super) fn elements(raw: Option<&RawValue>) -> impl Iterator<Item = &RawValue> {
    let list: Option<Elements<'_>> = lenient(raw);
    list.map(|list| list.0).unwrap_or_default().into_iter()
}
