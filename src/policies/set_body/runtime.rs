//! How templates look names up: without regard to case, and what is not there is nil, as DotLiquid does.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use liquid_core::{
    Object, Result, Runtime, Value, ValueCow, ValueView,
    model::{KString, KStringCow, KStringRef, ScalarCow},
    runtime::{PartialStore, Registers, RuntimeCore},
};

/// The bottom: what the exchange tells, and what the template assigns.
pub struct Root<'r> {
    core: RuntimeCore<'static>,
    globals: &'r Object,
    assigned: RefCell<Object>,
    counters: RefCell<Object>,
}

impl<'r> Root<'r> {
    /// With these names.
    pub fn new(globals: &'r Object) -> Self {
        Self { core: RuntimeCore::new(), globals, assigned: RefCell::default(), counters: RefCell::default() }
    }
}

/// Names of a round of a loop, above others.
pub struct Frame<'r> {
    /// What is below.
    pub below: &'r dyn Runtime,
    /// The names.
    pub names: HashMap<String, Value>,
}

fn first<'p>(path: &'p [ScalarCow<'_>]) -> KStringCow<'p> {
    path.first().map(ValueView::to_kstr).unwrap_or_default()
}

/// Follows a path from its second step on.
fn follow<'v>(value: &'v Value, path: &[ScalarCow<'_>]) -> Option<ValueCow<'v>> {
    let mut here = value;
    for (at, step) in path.iter().enumerate().skip(1) {
        let step = step.to_kstr();
        here = match inside(here, &step) {
            Some(found) => found,
            None if at + 1 == path.len() && step == "size" => return Some(ValueCow::Owned(Value::scalar(size(here)?))),
            None => return None,
        };
    }
    Some(ValueCow::Borrowed(here))
}

fn inside<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    match value {
        Value::Object(object) => named(object, step),
        Value::Array(array) => match step {
            "first" => array.first(),
            "last" => array.last(),
            _ => array.get(step.parse::<usize>().ok()?),
        },
        _ => None,
    }
}

/// The exact name, else the same in another case.
pub fn named<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn size(value: &Value) -> Option<i64> {
    let size = match value {
        Value::Object(object) => object.len(),
        Value::Array(array) => array.len(),
        Value::Scalar(scalar) => scalar.to_kstr().chars().count(),
        _ => return None,
    };
    i64::try_from(size).ok()
}

impl Runtime for Root<'_> {
    fn partials(&self) -> &dyn PartialStore {
        self.core.partials()
    }

    fn name(&self) -> Option<KStringRef<'_>> {
        None
    }

    fn roots(&self) -> BTreeSet<KStringCow<'_>> {
        self.globals.keys().map(|key| key.clone().into()).collect()
    }

    fn try_get(&self, path: &[ScalarCow<'_>]) -> Option<ValueCow<'_>> {
        let name = first(path);
        if let Some(value) = self.assigned.borrow().get(name.as_str()) {
            return follow(value, path).map(|found| ValueCow::Owned(found.into_owned()));
        }
        follow(named(self.globals, &name)?, path)
    }

    fn get(&self, path: &[ScalarCow<'_>]) -> Result<ValueCow<'_>> {
        Ok(self.try_get(path).unwrap_or(ValueCow::Owned(Value::Nil)))
    }

    fn set_global(&self, name: KString, value: Value) -> Option<Value> {
        self.assigned.borrow_mut().insert(name, value)
    }

    fn set_index(&self, name: KString, value: Value) -> Option<Value> {
        self.counters.borrow_mut().insert(name, value)
    }

    fn get_index<'a>(&'a self, name: &str) -> Option<ValueCow<'a>> {
        self.counters.borrow().get(name).cloned().map(ValueCow::Owned)
    }

    fn registers(&self) -> &Registers {
        self.core.registers()
    }
}

impl Runtime for Frame<'_> {
    fn partials(&self) -> &dyn PartialStore {
        self.below.partials()
    }

    fn name(&self) -> Option<KStringRef<'_>> {
        None
    }

    fn roots(&self) -> BTreeSet<KStringCow<'_>> {
        self.below.roots()
    }

    fn try_get(&self, path: &[ScalarCow<'_>]) -> Option<ValueCow<'_>> {
        match self.names.get(first(path).as_str()) {
            Some(value) => follow(value, path),
            None => self.below.try_get(path),
        }
    }

    fn get(&self, path: &[ScalarCow<'_>]) -> Result<ValueCow<'_>> {
        Ok(self.try_get(path).unwrap_or(ValueCow::Owned(Value::Nil)))
    }

    fn set_global(&self, name: KString, value: Value) -> Option<Value> {
        self.below.set_global(name, value)
    }

    fn set_index(&self, name: KString, value: Value) -> Option<Value> {
        self.below.set_index(name, value)
    }

    fn get_index<'a>(&'a self, name: &str) -> Option<ValueCow<'a>> {
        self.below.get_index(name)
    }

    fn registers(&self) -> &Registers {
        self.below.registers()
    }
}
