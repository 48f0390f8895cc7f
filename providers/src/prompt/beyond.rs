//! Whether a model reads more than a body's bytes tell: pictures, stored objects, results of tools that the provider
//! runs. Where it does not, the bytes bound the prompt's tokens.
//!
//! Asked of every request, so it is a look at the top level and one or two searches. It may say yes where the answer
//! is no (a text that quotes such a member), never the reverse. Deliberately not here: what exactly is read (`read`).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{openai::elements, words};
use crate::{
    Family, Surface,
    json::{Members, object},
    marks::{Mark, Marks},
};

/// Members of a body that stand for something kept or run by the provider: stored conversations, agents and caches,
/// and searches (OpenAI `web_search_options`, Groq `search_settings`, xAI `search_parameters`, OpenRouter `plugins`,
/// DashScope `enable_search`, Perplexity's filters).
const ELSEWHERE: [&str; 15] = [
    "previous_response_id",
    "conversation",
    "agent_id",
    "web_search_options",
    "search_settings",
    "compound_custom",
    "search_parameters",
    "search_mode",
    "search_domain_filter",
    "enable_search",
    "plugins",
    "mcp_servers",
    "container",
    "cachedContent",
    "cached_content",
];

fn finders(names: &[&'static str]) -> Vec<Finder<'static>> {
    names.iter().map(|name| Finder::new(*name)).collect()
}

/// Members, or their ends, in which pictures, sounds and files stand, whether inside the body or at a URL.
static OPENAI: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| {
    finders(&["_url\"", "file_id\"", "\"input_audio\"", "\"file\"", "\"input_file\"", "_reference\""])
});
static ANTHROPIC: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| finders(&["\"source\"", "file_id\""]));
/// `inlineData` and `fileData` in both spellings.
static GEMINI: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| finders(&["Data\"", "_data\""]));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\u00"));

/// Whether the model reads more than the body.
pub(crate) fn reads_more(surface: Surface, text: &str, body: &Members<'_>, marks: Marks) -> bool {
    let is_given = |name: &str| body.get(name).is_some_and(|raw| raw.get() != "null");
    let is_template = surface == Surface::Responses && is_given("prompt");
    if is_template || ELSEWHERE.into_iter().any(is_given) || has_foreign_tools(surface, body) {
        return true;
    }
    let text = text.as_bytes();
    let has = |finders: &[Finder<'_>]| finders.iter().any(|finder| finder.find(text).is_some());
    let told = match surface.family() {
        Family::OpenAi if !has_parts(surface) => return false,
        // A stored item may be named by its id alone.
        Family::OpenAi if surface == Surface::Responses && marks.may_have(Mark::Id) => true,
        // Parts of messages say their type, save Gemini's.
        Family::OpenAi => marks.may_have(Mark::Typed) && has(&OPENAI),
        Family::Anthropic => marks.may_have(Mark::Typed) && has(&ANTHROPIC),
        Family::Gemini => has(&GEMINI),
    };
    told || (marks.may_have(Mark::Escape) && hides_a_name(text))
}

/// A letter spelled as an escape hides a member's name from a search; nobody else spells letters so.
fn hides_a_name(text: &[u8]) -> bool {
    ESCAPE.find_iter(text).any(|at| matches!(text.get(at + 4), Some(b'4'..=b'7')))
}

/// Only these surfaces of OpenAI have messages with parts.
fn has_parts(surface: Surface) -> bool {
    matches!(surface, Surface::ChatCompletions | Surface::Responses | Surface::Moderations | Surface::Embeddings)
}

/// Whether a tool is offered whose description or results the provider adds.
fn has_foreign_tools(surface: Surface, body: &Members<'_>) -> bool {
    elements(body.get("tools")).any(|tool| {
        let Some(tool) = object(Some(tool)) else { return true };
        if surface.family() == Family::Gemini {
            return tool.0.iter().any(|(name, _)| !matches!(&**name, "functionDeclarations" | "function_declarations"));
        }
        let kind = tool.get("type").and_then(words);
        !matches!(kind.as_deref(), None | Some("function" | "custom"))
    })
}
