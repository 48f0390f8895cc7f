//! A text being read: its expressions, where its offsets are, and what was found wrong in it.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::{
    document::Mark,
    policy::{Place, Problem, Text, code::Code, place::behind},
};

/// Problems beyond these are counted only: nobody reads them, and a hostile text could fill the memory with them.
const MOST_PROBLEMS: usize = 100;

pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    /// The expressions, in order.
    pub(super) codes: Vec<Code>,
    origin: Origin<'a>,
    /// The last place asked for: most are asked for in order, so each text is walked through once.
    last: Cell<(usize, Mark)>,
    problems: RefCell<Vec<Problem>>,
    unsaid: Cell<usize>,
    /// Where the first broken expression begins.
    broken: Cell<usize>,
}

/// Where a text stands.
#[derive(Clone)]
pub(in crate::policy) enum Origin<'a> {
    /// It is the whole of this file.
    File(Arc<str>),
    /// It is a value in another document.
    Within(&'a Text),
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, origin: Origin<'a>) -> Self {
        let first = match &origin {
            Origin::File(_) => Mark::START,
            Origin::Within(text) => text.mark(0),
        };
        let last = Cell::new((0, first));
        Self {
            text,
            codes: Vec::new(),
            origin,
            last,
            problems: RefCell::default(),
            unsaid: Cell::new(0),
            broken: Cell::new(usize::MAX),
        }
    }

    pub(super) fn mark(&self, offset: usize) -> Mark {
        let last = self.last.get();
        let found = match &self.origin {
            Origin::Within(text) => text.mark_behind(last, offset),
            Origin::File(_) => {
                let (from, mark) = if last.0 <= offset { last } else { (0, Mark::START) };
                behind(mark, self.text.get(from..offset).unwrap_or_default())
            }
        };
        self.last.set((offset, found));
        found
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        self.place_of(self.mark(offset))
    }

    /// A mark of this source, with the file's name.
    pub(super) fn place_of(&self, mark: Mark) -> Place {
        match &self.origin {
            Origin::File(file) => Place::new(file, mark),
            Origin::Within(text) => Place::new(&text.place.file, mark),
        }
    }

    /// Whether the text's lines are not whole lines of a file, so that columns do not begin anew with each.
    pub(super) fn is_within(&self) -> bool {
        matches!(self.origin, Origin::Within(_))
    }

    /// Notes a problem at an offset. Behind a broken expression nothing else is said: one missing quote turns all that
    /// follows inside out.
    pub(super) fn report(&self, offset: usize, message: impl Into<String>) {
        if offset < self.broken.get() {
            self.note(offset, message);
        }
    }

    /// Notes a problem with the expression that begins at `start`.
    pub(super) fn report_code(&self, start: usize, offset: usize, message: impl Into<String>) {
        self.broken.set(self.broken.get().min(start));
        self.note(offset, message);
    }

    fn note(&self, offset: usize, message: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MOST_PROBLEMS {
            problems.push(Problem::new(self.place(offset), message));
        } else {
            self.unsaid.set(self.unsaid.get() + 1);
        }
    }

    /// All problems, in the order of their places.
    pub(super) fn problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.place.mark());
        if let (unsaid @ 1.., Some(last)) = (self.unsaid.get(), problems.last_mut()) {
            last.message = format!("{} (and {unsaid} more problems)", last.message);
        }
        problems
    }

    /// The first expression that ends behind an offset.
    pub(super) fn code_behind(&self, offset: usize) -> Option<&Code> {
        self.codes.get(self.codes.partition_point(|code| code.end <= offset))
    }
}
