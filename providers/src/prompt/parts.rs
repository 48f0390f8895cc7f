//! Contents of messages: a string, or a list of typed parts. OpenAI's and Anthropic's types do not clash.

use serde_json::value::RawValue;

use super::{Detail, Image, Part, Prompt, Unbounded, words};
use crate::{
    image_size,
    json::{Elements, Members, lenient, object},
};

impl<'a> Prompt<'a> {
    /// A message's content.
    pub(super) fn content(&mut self, raw: &'a RawValue) {
        match raw.get().as_bytes().first() {
            Some(b'"') => self.say(Part::Words, raw),
            Some(b'[') => {
                let parts: Option<Elements<'a>> = lenient(Some(raw));
                parts.map_or_else(Vec::new, |parts| parts.0).into_iter().for_each(|part| self.part(part));
            }
            Some(b'{') => self.part(raw),
            _ => self.unread(raw),
        }
    }

    fn part(&mut self, raw: &'a RawValue) {
        let Some(part) = object(Some(raw)) else { return self.say(Part::Words, raw) };
        let kind = part.get("type").and_then(words).unwrap_or_default();
        match &*kind {
            "text" | "input_text" | "output_text" | "summary_text" | "reasoning_text" => {
                self.member(&part, "text", raw);
            }
            "refusal" => self.member(&part, "refusal", raw),
            "thinking" => self.member(&part, "thinking", raw),
            "image_url" | "input_image" => self.openai_image(&part),
            "image" => self.source_image(&part),
            "input_audio" | "audio_url" => self.unbounded(Unbounded::Audio),
            "video_url" | "input_video" => self.unbounded(Unbounded::Video),
            "file" | "input_file" | "container_upload" => self.unbounded(Unbounded::File),
            "document" => self.document(&part),
            "tool_use" | "server_tool_use" | "mcp_tool_use" => self.call(&part),
            "tool_result" | "mcp_tool_result" => part.get("content").into_iter().for_each(|raw| self.content(raw)),
            _ => self.unread(raw),
        }
    }

    fn member(&mut self, part: &Members<'a>, name: &str, raw: &'a RawValue) {
        match part.get(name) {
            Some(text) => self.say(Part::Words, text),
            None => self.unread(raw),
        }
    }

    /// A called tool: its name, and its arguments as a string or as JSON.
    pub(super) fn call(&mut self, call: &Members<'a>) {
        let given = ["name", "arguments", "input", "args"].iter().filter_map(|name| call.get(name));
        for raw in given {
            if raw.get().starts_with('"') {
                self.say(Part::Call, raw);
            } else {
                self.say_json(Part::Call, raw);
            }
        }
    }

    /// OpenAI: `image_url` is a URL or an object with one; data URLs hold the picture.
    fn openai_image(&mut self, part: &Members<'a>) {
        let raw = part.get("image_url");
        let inside = object(raw);
        let url = inside.as_ref().map_or(raw, |image| image.get("url")).and_then(words).unwrap_or_default();
        let detail = inside.as_ref().and_then(|image| image.get("detail")).or_else(|| part.get("detail"));
        let data = url.strip_prefix("data:").and_then(|url| url.split_once(";base64,"));
        let size = data.and_then(|(_, data)| image_size::of_base64(data));
        self.images.push(Image { detail: detail.map_or_else(Detail::default, read_detail), size });
    }

    /// Anthropic: the picture is in a source, unless the source is a URL or a stored file.
    fn source_image(&mut self, part: &Members<'a>) {
        let data = object(part.get("source")).and_then(|source| source.get("data")).and_then(words);
        let size = data.and_then(|data| image_size::of_base64(&data));
        self.images.push(Image { detail: Detail::Auto, size });
    }

    /// Anthropic: a document as plain text is text, any other a file.
    fn document(&mut self, part: &Members<'a>) {
        let source = object(part.get("source"));
        let of = |name: &str| source.as_ref().and_then(|source| source.get(name));
        match of("type").and_then(words).as_deref() {
            Some("text") => of("data").into_iter().for_each(|raw| self.say(Part::Words, raw)),
            Some("content") => of("content").into_iter().for_each(|raw| self.content(raw)),
            _ => self.unbounded(Unbounded::File),
        }
        for name in ["title", "context"] {
            part.get(name).into_iter().for_each(|raw| self.say(Part::Words, raw));
        }
    }

    /// A picture, sound or file inside the body (Gemini).
    pub(super) fn inline_data(&mut self, raw: &'a RawValue) {
        let Some(data) = object(Some(raw)) else { return self.unread(raw) };
        let kind = data.get("mimeType").or_else(|| data.get("mime_type")).and_then(words).unwrap_or_default();
        if kind.starts_with("image/") {
            let size = data.get("data").and_then(words).and_then(|data| image_size::of_base64(&data));
            self.images.push(Image { detail: Detail::Auto, size });
        } else {
            self.unbounded(by_media_type(&kind));
        }
    }
}

/// What a file of this type is unbounded as.
pub(super) fn by_media_type(kind: &str) -> Unbounded {
    match kind.split('/').next() {
        Some("audio") => Unbounded::Audio,
        Some("video") => Unbounded::Video,
        _ => Unbounded::File,
    }
}

fn read_detail(raw: &RawValue) -> Detail {
    match words(raw).as_deref() {
        Some("low") => Detail::Low,
        Some("high") => Detail::High,
        Some("original") => Detail::Original,
        _ => Detail::Auto,
    }
}
