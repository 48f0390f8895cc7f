//! The objects of a [`Settings`] by kind and id: what the admin API and the database handle one at a time.

use serde::Serialize;
use serde_json::Value;

use crate::model::WorkspaceId;

use super::{
    Api, Backend, Certificate, Group, Logger, Model, NamedValue, ObjectKind, PolicyFragment, Pool, Price, Product,
    Settings, Subscription, TokenSource, User, Workspace,
};

macro_rules! collections {
    ($($kind:ident($type:ty) in $list:ident by $id:ident;)*) => {
        /// One object of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object {
            $(
                #[doc = concat!("One of `", stringify!($list), "`.")]
                $kind(Box<$type>),
            )*
        }

        impl Object {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> ObjectKind {
                match self { $(Self::$kind(_) => ObjectKind::$kind,)* }
            }

            /// Its identifier; a model's is its name.
            #[must_use]
            pub fn id(&self) -> &str {
                match self { $(Self::$kind(object) => text(&object.$id),)* }
            }

            /// The object as JSON, secrets included: for the sealed database, never for an answer or a log
            /// (there is `redacted` for those).
            #[must_use]
            pub fn to_json(&self) -> Value {
                match self { $(Self::$kind(object) => json(object),)* }
            }

            pub(super) fn decode(kind: ObjectKind, value: Value) -> Result<Self, serde_json::Error> {
                Ok(match kind { $(ObjectKind::$kind => Self::$kind(Box::new(serde_json::from_value(value)?)),)* })
            }
        }

        $(impl From<$type> for Object {
            fn from(object: $type) -> Self {
                Self::$kind(Box::new(object))
            }
        })*

        impl Settings {
            /// All objects of a kind, in their order.
            #[must_use]
            pub fn objects(&self, kind: ObjectKind) -> Vec<Object> {
                match kind { $(ObjectKind::$kind => self.$list.iter().cloned().map(Object::from).collect(),)* }
            }

            /// The object of that kind and id.
            #[must_use]
            pub fn object(&self, kind: ObjectKind, id: &str) -> Option<Object> {
                match kind {
                    $(ObjectKind::$kind => {
                        self.$list.iter().find(|object| text(&object.$id) == id).cloned().map(Object::from)
                    })*
                }
            }

            /// Adds the object, in the place of one with its kind and id if there is one: that one is given back.
            pub fn insert(&mut self, object: Object) -> Option<Object> {
                match object {
                    $(Object::$kind(object) => {
                        match self.$list.iter_mut().find(|old| old.$id == object.$id) {
                            Some(old) => Some(std::mem::replace(old, *object).into()),
                            None => {
                                self.$list.push(*object);
                                None
                            }
                        }
                    })*
                }
            }

            /// The number of objects of a kind.
            pub(super) fn count(&self, kind: ObjectKind) -> usize {
                match kind { $(ObjectKind::$kind => self.$list.len(),)* }
            }

            /// The identifier of an object by its index.
            pub(super) fn id_at(&self, kind: ObjectKind, at: usize) -> Option<&str> {
                match kind { $(ObjectKind::$kind => self.$list.get(at).map(|object| text(&object.$id)),)* }
            }

            /// Adds an object that is known to be new.
            pub(super) fn push(&mut self, object: Object) {
                match object { $(Object::$kind(object) => self.$list.push(*object),)* }
            }

            /// Removes the object of that kind and id and gives it back.
            pub fn remove(&mut self, kind: ObjectKind, id: &str) -> Option<Object> {
                match kind {
                    $(ObjectKind::$kind => {
                        let at = self.$list.iter().position(|object| text(&object.$id) == id)?;
                        Some(self.$list.remove(at).into())
                    })*
                }
            }
        }
    };
}

collections! {
    Backend(Backend) in backends by id;
    Pool(Pool) in pools by id;
    Model(Model) in models by name;
    Product(Product) in products by id;
    Subscription(Subscription) in subscriptions by id;
    Api(Api) in apis by id;
    Workspace(Workspace) in workspaces by id;
    User(User) in users by id;
    Group(Group) in groups by id;
    Price(Price) in prices by id;
    NamedValue(NamedValue) in named_values by id;
    PolicyFragment(PolicyFragment) in policy_fragments by id;
    Certificate(Certificate) in certificates by id;
    TokenSource(TokenSource) in token_sources by id;
    Logger(Logger) in loggers by id;
}

impl Settings {
    /// The workspace of an object by its index; none: shared.
    pub(super) fn home_at(&self, kind: ObjectKind, at: usize) -> Option<&WorkspaceId> {
        match kind {
            ObjectKind::Backend => self.backends[at].workspace.as_ref(),
            ObjectKind::Pool => self.pools[at].workspace.as_ref(),
            ObjectKind::Model => self.models[at].workspace.as_ref(),
            ObjectKind::Product => self.products[at].workspace.as_ref(),
            ObjectKind::Subscription => self.subscriptions[at].workspace.as_ref(),
            ObjectKind::Api => self.apis[at].workspace.as_ref(),
            ObjectKind::Workspace
            | ObjectKind::User
            | ObjectKind::Group
            | ObjectKind::Price
            | ObjectKind::NamedValue
            | ObjectKind::PolicyFragment
            | ObjectKind::Certificate
            | ObjectKind::TokenSource
            | ObjectKind::Logger => None,
        }
    }

    /// The object of that kind and id as JSON, secrets included: for the sealed database only.
    #[must_use]
    pub fn to_json(&self, kind: ObjectKind, id: &str) -> Option<Value> {
        self.object(kind, id).map(|object| object.to_json())
    }
}

fn text<T: std::borrow::Borrow<str>>(id: &T) -> &str {
    id.borrow()
}

fn json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("settings have text keys only and no failing Serialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_put_found_replaced_and_removed_by_kind_and_id() {
        let mut settings = Settings::default();
        let group = |title: &str| Object::from(Group { id: "staff".into(), title: Some(title.to_owned()) });
        assert_eq!(settings.insert(group("one")), None);
        assert_eq!(settings.insert(group("two")), Some(group("one")));
        assert_eq!(settings.objects(ObjectKind::Group), [group("two")]);
        assert_eq!(settings.object(ObjectKind::User, "staff"), None);
        assert_eq!(settings.to_json(ObjectKind::Group, "staff").expect("there")["title"], "two");
        assert_eq!(settings.remove(ObjectKind::Group, "staff"), Some(group("two")));
        assert_eq!(settings.remove(ObjectKind::Group, "staff"), None);
    }
}
