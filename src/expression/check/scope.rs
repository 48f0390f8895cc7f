//! Local names, their slots and types.

use crate::expression::Type;

struct Name {
    name: String,
    slot: usize,
    of: Type,
}

/// The names in sight.
pub(super) struct Scope {
    names: Vec<Name>,
    slots: usize,
}

impl Scope {
    pub(super) fn new() -> Self {
        Self { names: Vec::new(), slots: 0 }
    }

    /// How many slots an evaluation needs.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// A slot without a name.
    pub(super) fn hidden(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    pub(super) fn declare(&mut self, name: &str, of: Type) -> usize {
        let slot = self.hidden();
        self.names.push(Name { name: name.to_owned(), slot, of });
        slot
    }

    pub(super) fn find(&self, name: &str) -> Option<(usize, &Type)> {
        self.names.iter().rev().find(|known| known.name == name).map(|known| (known.slot, &known.of))
    }

    /// What [`Scope::leave`] goes back to.
    pub(super) fn mark(&self) -> usize {
        self.names.len()
    }

    pub(super) fn leave(&mut self, mark: usize) {
        self.names.truncate(mark);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|known| known.name.as_str())
    }
}
