//! Prompts of Anthropic's Messages.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Part, Prompt, Tool, Unbounded, openai::elements, words};
use crate::json::{Members, object};

/// Tools whose description Anthropic adds itself and which the caller runs; all other types run at Anthropic.
const CALLERS_OWN: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];

impl<'a> Prompt<'a> {
    pub(super) fn anthropic(&mut self, body: &Members<'a>) {
        if let Some(system) = body.get("system") {
            self.messages += 1;
            self.content(system);
        }
        elements(body.get("messages")).for_each(|message| self.message(message));
        elements(body.get("tools")).for_each(|tool| self.anthropic_tool(tool));
        for place in ["output_config", "output_format"] {
            let config = body.get(place);
            let format = object(config).and_then(|config| config.get("format")).or(config);
            if let Some(schema) = object(format).and_then(|format| format.get("schema")) {
                self.say_json(Part::Schema, schema);
            }
        }
        if elements(body.get("mcp_servers")).next().is_some() {
            self.unbounded(Unbounded::ServerTool);
        }
    }

    fn anthropic_tool(&mut self, raw: &'a RawValue) {
        let kind = object(Some(raw)).and_then(|tool| tool.get("type")).and_then(words);
        match kind.as_deref() {
            None | Some("custom") => self.tool(raw),
            Some(kind) if CALLERS_OWN.iter().any(|own| kind.starts_with(own)) => {
                self.tools.push(Tool {
                    name: Cow::Owned(kind.to_owned()),
                    description: Cow::Borrowed(""),
                    parameters: None,
                    is_vendors: true,
                });
            }
            Some(_) => self.unbounded(Unbounded::ServerTool),
        }
    }
}
