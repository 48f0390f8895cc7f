//! Documents to blocks: every statement through its catalogue entry, every trouble at once.

use std::sync::Arc;

use super::{
    Block, Compiled, Needs, Policy, Reading, Statement, Step,
    catalogue::{self, CATALOGUE},
    failure::Failure,
    flow::Flow,
    pipeline::Base,
    reading,
};
use crate::{
    expression::{self, Expression, Source},
    policy::{Document, Element, Kind, Place, Scope, Section, Text},
};

/// Something that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub place: Place,
    /// What, and the fix.
    pub message: String,
}

/// What becomes of parts that are understood but cannot be done here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnsupported {
    /// The document is refused.
    #[default]
    Refuse,
    /// It loads; the exchange fails when it gets there.
    FailWhenReached,
}

/// What documents may refer to, by name.
pub trait Known {
    /// Whether there is a backend or pool of that id.
    fn backend(&self, id: &str) -> Option<super::link::Target>;
    /// Names of that kind, for hints: `backend`, `certificate`, `logger`, `token source`.
    fn names(&self, kind: &str) -> Vec<String>;

    /// Certificates, token sources, loggers and services of the configuration; nothing unless there are some.
    fn named(&self) -> Arc<super::Named> {
        Arc::default()
    }
}

/// A compilation under way.
pub struct Compiler<'s> {
    /// Scope of the document.
    pub scope: Scope,
    /// The section.
    pub section: Section,
    /// What is wrong so far.
    pub troubles: Vec<Trouble>,
    /// What is odd but allowed, such as children in another order than APIM asks for.
    pub warnings: Vec<Trouble>,
    /// What there is to refer to.
    pub known: &'s dyn Known,
    /// What becomes of parts that cannot be done here.
    pub on_unsupported: OnUnsupported,
    path: Vec<String>,
}

/// Compiles a document, or lists everything that is wrong with it.
pub fn compile(
    document: &Document,
    scope: Scope,
    known: &dyn Known,
    on_unsupported: OnUnsupported,
) -> Result<(Compiled, Vec<Trouble>), Vec<Trouble>> {
    let mut compiler = Compiler {
        scope,
        section: Section::Inbound,
        troubles: Vec::new(),
        warnings: Vec::new(),
        known,
        on_unsupported,
        path: Vec::new(),
    };
    let mut section = |section: Section| {
        compiler.section = section;
        document.section(section).map(|element| compiler.block(element.elements()))
    };
    let compiled = Compiled {
        scope,
        inbound: section(Section::Inbound),
        backend: section(Section::Backend),
        outbound: section(Section::Outbound),
        on_error: section(Section::OnError),
    };
    if compiler.troubles.is_empty() { Ok((compiled, compiler.warnings)) } else { Err(compiler.troubles) }
}

impl Compiler<'_> {
    /// Notes what is wrong.
    pub fn trouble(&mut self, place: &Place, message: impl Into<String>) {
        self.troubles.push(Trouble { place: place.clone(), message: message.into() });
    }

    /// Notes what is odd.
    pub fn warn(&mut self, place: &Place, message: impl Into<String>) {
        self.warnings.push(Trouble { place: place.clone(), message: message.into() });
    }

    /// `; did you mean …?`, or nothing.
    pub fn hint<'n>(&self, name: &str, known: impl Iterator<Item = &'n str>) -> String {
        let close = known.map(|one| (strsim::damerau_levenshtein(name, one), one)).min();
        match close {
            Some((distance, one)) if distance <= 1 + name.len() / 4 => format!("; did you mean `{one}`?"),
            _ => String::new(),
        }
    }

    /// What is understood and cannot be done here.
    pub fn unsupported(&mut self, place: &Place, policy: &'static str, reason: String) -> Option<Box<dyn Policy>> {
        match self.on_unsupported {
            OnUnsupported::Refuse => {
                self.trouble(place, reason);
                None
            }
            OnUnsupported::FailWhenReached => {
                self.warn(place, format!("{reason} (fails when it is reached)"));
                Some(Box::new(Unsupported { policy, reason }))
            }
        }
    }

    /// Compiles statements.
    pub fn block<'e>(&mut self, elements: impl Iterator<Item = &'e Element>) -> Block {
        let mut counts: Vec<(Arc<str>, usize)> = Vec::new();
        let statements = elements.filter_map(|element| {
            let nth = if let Some((_, count)) = counts.iter_mut().find(|(name, _)| *name == element.name) {
                *count += 1;
                *count
            } else {
                counts.push((element.name.clone(), 1));
                1
            };
            self.within(&format!("{}[{nth}]", element.name), |compiler| compiler.statement(element))
        });
        Block::new(statements.collect())
    }

    /// Compiles with a step more in the path (`when[1]`).
    pub fn within<T>(&mut self, step: &str, compile: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let result = compile(self);
        self.path.pop();
        result
    }

    fn statement(&mut self, element: &Element) -> Option<Statement> {
        let (name, policy): (&'static str, Box<dyn Policy>) =
            if &*element.name == "base" { ("base", Box::new(Base)) } else { self.policy(element)? };
        let id = element.attribute("id").map(|id| id.value.as_str().into());
        Some(Statement::new(name, id, element.place.clone(), self.path.join("/"), policy))
    }

    fn policy(&mut self, element: &Element) -> Option<(&'static str, Box<dyn Policy>)> {
        let Some(entry) = catalogue::entry(&element.name) else {
            let hint = self.hint(&element.name, CATALOGUE.iter().map(|entry| entry.name));
            let reason = format!("there is no policy `{}`{hint}", element.name);
            return self.unsupported(&element.place, "unknown", reason).map(|policy| ("unknown", policy));
        };
        if !entry.sections.contains(&self.section) {
            let allowed: Vec<_> = entry.sections.iter().map(|section| section.name()).collect();
            let section = self.section.name();
            let message = format!("`{}` cannot stand in `{section}`, but in: {}", element.name, allowed.join(", "));
            self.trouble(&element.place, message);
            return None;
        }
        if !reading::fits(element, entry.attributes, entry.children, entry.content, self) {
            return None;
        }
        let mut reading = Reading { element, policy: entry.name, compiler: self };
        Some((entry.name, (entry.build)(&mut reading)?))
    }

    /// Compiles an expression; its troubles are noted at their places inside the text.
    pub fn expression(&mut self, text: &Text) -> Option<Expression> {
        let source = match text.kind() {
            Kind::Inline(inner) => Source::inline(inner),
            Kind::Block(inner) => Source::block(inner),
            Kind::Literal => {
                self.trouble(&text.place, format!("`{}` is no expression: write @(...) or @{{...}}", text.value));
                return None;
            }
        };
        let troubles = match expression::compile(source) {
            Ok(expression) => return Some(expression),
            Err(troubles) => troubles,
        };
        for trouble in troubles {
            self.trouble(&text.place_in_code(trouble.offset), trouble.message);
        }
        None
    }
}

/// A part that is understood and cannot be done here, in a document that was loaded nevertheless.
struct Unsupported {
    policy: &'static str,
    reason: String,
}

impl Policy for Unsupported {
    fn run<'f>(&'f self, _: &'f mut Flow<'_>) -> Step<'f> {
        Step::Done(Err(Failure::new(self.policy, "Unsupported", 500, self.reason.clone())))
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }
}
