//! `jsonp`: an answer of JSON as a call of a function, for pages of the time before CORS.

use futures_util::FutureExt;

use super::{
    Entry, Failure, Flow, Policy, Reading, Step, Verdict, body_text,
    catalogue::{AttributeEntry, Content},
    query, set_body,
};
use crate::policy::Section;

/// Longest name of a function.
const LONGEST: usize = 128;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "jsonp",
    aliases: &[],
    sections: &[Section::Outbound],
    attributes: &[AttributeEntry::required(
        "callback-parameter-name",
        "Parameter of the query with the function's name.",
    )],
    children: &[],
    content: Content::Nothing,
    manual: "Where the query names a function, an answer of JSON becomes a script that calls it: `/**/ name(...);`. Names \
             may have letters, digits, `_`, `$`, `.` and brackets; others leave the answer as it is. Prefer `cors`.",
    example: r#"<jsonp callback-parameter-name="cb" />"#,
    build,
};

struct Jsonp(std::sync::Arc<str>);

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(Jsonp(reading.literal("callback-parameter-name")?)))
}

impl Policy for Jsonp {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.wrap(flow).boxed())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl Jsonp {
    async fn wrap(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let (_, original) = &flow.request.original;
        let name = query::pairs(original).find(|(name, _)| name.eq_ignore_ascii_case(&self.0)).map(|(_, value)| value);
        let is_json = body_text::is_kind(set_body::content_type(body_text::headers(flow)), "json");
        if let Some(name) = name.filter(|name| is_json && is_function(name)) {
            flow.hold(flow.body_needs()).await?;
            if let Some(text) = body_text::of(flow) {
                // U+2028 and U+2029 end lines in scripts, not in JSON.
                let text = text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
                body_text::put(flow, format!("/**/ {name}({text});"), Some("application/javascript"));
            }
        }
        Ok(Verdict::Continue)
    }
}

fn is_function(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '[' | ']');
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene};

    #[test]
    fn only_names_of_functions_are_called() {
        let wrapped = "/**/ a.b[0]({\"x\":1});";
        let rows = [
            ("/?cb=a.b[0]", "application/json", wrapped),
            ("/", "application/json", "{\"x\":1}"),
            ("/?cb=alert(1)//", "application/json", "{\"x\":1}"),
            ("/?cb=a", "text/html", "{\"x\":1}"),
        ];
        for (target, content_type, wanted) in rows {
            let reply = Reply::new(200, "{\"x\":1}").header("content-type", content_type);
            let scene = Scene::new().section("outbound", r#"<jsonp callback-parameter-name="cb" />"#);
            assert_eq!(scene.request("GET", target).reply(reply).run().body(), wanted, "{target}");
        }
    }
}
