//! A Liquid template, compiled once.

use std::{io, sync::LazyLock};

use liquid_core::{Language, Object, Renderable, parser, runtime};
use liquid_lib::stdlib;

use super::{
    filters,
    loops::{Commas, Loop},
    runtime::Root,
};

/// Largest body that a template may make, in bytes.
const LARGEST: usize = 64 << 20;

/// A template.
pub struct Template(runtime::Template);

impl Template {
    /// Compiles it; the error is for people.
    pub fn new(text: &str) -> Result<Self, String> {
        static LANGUAGE: LazyLock<Language> = LazyLock::new(language);
        let elements = parser::parse(text, &LANGUAGE).map_err(|error| told(&error))?;
        Ok(Self(runtime::Template::new(elements)))
    }

    /// The text that it makes; the error is for people.
    pub fn render(&self, globals: &Object) -> Result<String, String> {
        let mut writer = Bounded(Vec::new());
        self.0.render_to(&mut writer, &Root::new(globals)).map_err(|error| told(&error))?;
        String::from_utf8(writer.0).map_err(|_| "the template made text that is not UTF-8".to_owned())
    }
}

/// The first lines of an error of Liquid's, as one.
fn told(error: &liquid_core::Error) -> String {
    let text = error.to_string();
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(6).collect();
    lines.join(" ")
}

/// Output that ends at [`LARGEST`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other(format!("the template makes more than {LARGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn language() -> Language {
    let mut language = Language::empty();
    language.tags.register("assign".to_owned(), Box::new(stdlib::AssignTag));
    language.tags.register("break".to_owned(), Box::new(stdlib::BreakTag));
    language.tags.register("continue".to_owned(), Box::new(stdlib::ContinueTag));
    language.tags.register("cycle".to_owned(), Box::new(stdlib::CycleTag));
    language.tags.register("increment".to_owned(), Box::new(stdlib::IncrementTag));
    language.tags.register("decrement".to_owned(), Box::new(stdlib::DecrementTag));
    language.blocks.register("raw".to_owned(), Box::new(stdlib::RawBlock));
    language.blocks.register("if".to_owned(), Box::new(stdlib::IfBlock));
    language.blocks.register("unless".to_owned(), Box::new(stdlib::UnlessBlock));
    language.blocks.register("ifchanged".to_owned(), Box::new(stdlib::IfChangedBlock));
    language.blocks.register("comment".to_owned(), Box::new(stdlib::CommentBlock));
    language.blocks.register("capture".to_owned(), Box::new(stdlib::CaptureBlock));
    language.blocks.register("case".to_owned(), Box::new(stdlib::CaseBlock));
    language.blocks.register("for".to_owned(), Box::new(Loop(Commas::None)));
    language.blocks.register("JSONArrayFor".to_owned(), Box::new(Loop(Commas::Between)));
    for filter in filters::all() {
        language.filters.register(filter.reflection().name().to_owned(), filter);
    }
    language
}
