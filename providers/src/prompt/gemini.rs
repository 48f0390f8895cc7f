//! Prompts of Gemini. Its JSON reader takes every name in two spellings.

use serde_json::value::RawValue;

use super::{Part, Prompt, Unbounded, openai::elements, parts::by_media_type, words};
use crate::json::{Members, object};

impl<'a> Prompt<'a> {
    pub(super) fn gemini(&mut self, body: &Members<'a>) {
        if let Some(whole) = either(body, "generateContentRequest", "generate_content_request") {
            // A count of a whole request: nothing else of the body is read.
            return self.whole_request(whole);
        }
        if let Some(system) = either(body, "systemInstruction", "system_instruction") {
            self.turn(system);
        }
        for name in ["contents", "content"] {
            body.get(name).into_iter().for_each(|raw| self.turns(raw));
        }
        for request in elements(body.get("requests")) {
            self.whole_request(request);
        }
        body.get("tools").into_iter().for_each(|raw| self.gemini_tools(raw));
        if let Some(config) = object(either(body, "generationConfig", "generation_config")) {
            let names = [("responseSchema", "response_schema"), ("responseJsonSchema", "response_json_schema")];
            if let Some(schema) = names.iter().find_map(|(one, other)| either(&config, one, other)) {
                self.say_json(Part::Schema, schema);
            }
        }
        if either(body, "cachedContent", "cached_content").is_some_and(|raw| raw.get() != "null") {
            self.unbounded(Unbounded::Cached);
        }
    }

    fn whole_request(&mut self, raw: &'a RawValue) {
        match object(Some(raw)) {
            Some(request) => self.gemini(&request),
            None => self.unread(raw),
        }
    }

    fn turns(&mut self, raw: &'a RawValue) {
        if raw.get().starts_with('[') {
            elements(Some(raw)).for_each(|turn| self.turn(turn));
        } else {
            self.turn(raw);
        }
    }

    fn turn(&mut self, raw: &'a RawValue) {
        let Some(turn) = object(Some(raw)) else { return self.unread(raw) };
        self.messages += 1;
        turn.get("role").into_iter().for_each(|role| self.say(Part::Role, role));
        match turn.get("parts") {
            Some(parts) if parts.get().starts_with('[') => {
                elements(Some(parts)).for_each(|part| self.gemini_part(part));
            }
            Some(part) => self.gemini_part(part),
            None => self.unread(raw),
        }
    }

    fn gemini_part(&mut self, raw: &'a RawValue) {
        let Some(part) = object(Some(raw)) else { return self.unread(raw) };
        for (name, value) in &part.0 {
            match &**name {
                "text" => self.say(Part::Words, value),
                "inlineData" | "inline_data" => self.inline_data(value),
                "fileData" | "file_data" => self.file_data(value),
                "functionCall" | "function_call" => match object(Some(value)) {
                    Some(call) => self.call(&call),
                    None => self.unread(value),
                },
                "functionResponse" | "function_response" | "executableCode" | "codeExecutionResult" => {
                    self.say_json(Part::Words, value);
                }
                "thought" | "thoughtSignature" | "thought_signature" | "videoMetadata" | "mediaResolution" => {}
                _ => self.unread(value),
            }
        }
    }

    fn file_data(&mut self, raw: &'a RawValue) {
        let file = object(Some(raw));
        let kind = file.as_ref().and_then(|file| either(file, "mimeType", "mime_type")).and_then(words);
        self.unbounded(by_media_type(kind.as_deref().unwrap_or_default()));
    }

    /// Declared functions are tools; everything else there runs at Google.
    fn gemini_tools(&mut self, raw: &'a RawValue) {
        let one = (!raw.get().starts_with('[')).then_some(raw);
        for tool in one.into_iter().chain(elements(Some(raw))).filter_map(|raw| object(Some(raw))) {
            for (name, value) in &tool.0 {
                match &**name {
                    "functionDeclarations" | "function_declarations" => {
                        elements(Some(value)).for_each(|function| self.tool(function));
                    }
                    _ => self.unbounded(Unbounded::ServerTool),
                }
            }
        }
    }
}

fn either<'a>(members: &Members<'a>, one: &str, other: &str) -> Option<&'a RawValue> {
    members.get(one).or_else(|| members.get(other))
}
