//! Rules of products, and of users, who are in groups.

use super::{Index, Report};
use crate::settings::{ObjectKind, Settings};

/// Checks all products and users.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    for (at, product) in settings.products.iter().enumerate() {
        let path = format!("products[{at}]");
        let home = product.workspace.as_ref();
        index.workspace(report, &path, home);
        for (at, api) in product.apis.iter().flatten().enumerate() {
            index.refer(report, &format!("{path}.apis[{at}]"), home, (ObjectKind::Api, api.as_str()));
        }
        for (at, model) in product.models.iter().flatten().enumerate() {
            index.refer(report, &format!("{path}.models[{at}]"), home, (ObjectKind::Model, model));
        }
        for (at, group) in product.groups.iter().flatten().enumerate() {
            index.refer(report, &format!("{path}.groups[{at}]"), home, (ObjectKind::Group, group.as_str()));
        }
    }
    for (at, user) in settings.users.iter().enumerate() {
        let path = format!("users[{at}]");
        for (at, group) in user.groups.iter().enumerate() {
            index.refer(report, &format!("{path}.groups[{at}]"), None, (ObjectKind::Group, group.as_str()));
        }
        if user.email.as_deref().is_some_and(|email| !email.contains('@') || email.contains(char::is_whitespace)) {
            report.error(&format!("{path}.email"), "not an e-mail address");
        }
    }
}
