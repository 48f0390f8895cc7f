//! `validate-odata-request`: lets a request pass only in a version of `OData` that the API speaks, and with options that
//! the protocol knows.
//!
//! Deliberately not here: the service's metadata; entity sets and the inside of `$filter` are the backend's to judge.

use std::{fmt, str::FromStr, sync::Arc};

use super::{
    Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, INBOUND},
    query,
    validation::{Action, Finding, VARIABLE, VARIABLE_TOO, conclude, variable},
};

const NAME: &str = "validate-odata-request";

/// System query options (OData 4.01, part 2, section 5.1).
const OPTIONS: [&str; 14] = [
    "apply",
    "compute",
    "count",
    "deltatoken",
    "expand",
    "filter",
    "format",
    "id",
    "index",
    "orderby",
    "schemaversion",
    "search",
    "select",
    "skip",
];
/// The rest of them: tokens of paging, and the number of items.
const MORE_OPTIONS: [&str; 3] = ["skiptoken", "top", "levels"];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        VARIABLE,
        VARIABLE_TOO,
        AttributeEntry::optional("default-odata-version", "4.0", "Version of a request that does not name one."),
        AttributeEntry::absent("min-odata-version", "Lowest version that is taken."),
        AttributeEntry::absent("max-odata-version", "Highest version that is taken."),
        AttributeEntry::absent("max-size", "Largest body in bytes."),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Refuses a request (400) whose `OData-Version` is none or outside the limits, whose `OData-MaxVersion` is \
             lower than the lowest that is taken, that has a system query option which the protocol does not know, the \
             same one twice, or `$top`, `$skip` or `$count` with a value that they cannot have, or whose body is larger \
             than `max-size`. The service's metadata is not consulted.",
    example: r#"<validate-odata-request error-variable-name="odata-errors" default-odata-version="4.0" min-odata-version="4.0" max-odata-version="4.01" max-size="102400" />"#,
    build,
};

/// A version such as `4.01`. As in the protocol, `4.01` is behind `4.0`, and so is `4.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.trim().split_once('.').ok_or(())?;
        let digits = |text: &str| {
            let are = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            are.then(|| text.parse().ok()).flatten()
        };
        // Behind the point `01` is a hundredth and `1` a tenth.
        let minor: u32 =
            digits(minor).map(|number: u32| if minor.len() == 1 { number * 10 } else { number }).ok_or(())?;
        Ok(Self(digits(major).ok_or(())?, minor))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.is_multiple_of(10) {
            write!(f, "{}.{}", self.0, self.1 / 10)
        } else {
            write!(f, "{}.{:02}", self.0, self.1)
        }
    }
}

struct ValidateOdataRequest {
    variable: Option<Arc<str>>,
    usual: Version,
    lowest: Option<Version>,
    highest: Option<Version>,
    largest: Option<usize>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let version = |reading: &mut Reading<'_, '_>, name: &str| match reading.literal(name) {
        None => Some(None),
        Some(text) => match text.parse() {
            Ok(version) => Some(Some(version)),
            Err(()) => reading.refuse(format!("`{name}` is `{text}`; write a version such as 4.0 or 4.01")),
        },
    };
    let usual = version(reading, "default-odata-version")?.unwrap_or(Version(4, 0));
    let (lowest, highest) = (version(reading, "min-odata-version")?, version(reading, "max-odata-version")?);
    let largest = match reading.literal("max-size") {
        None => None,
        Some(text) => match text.trim().parse() {
            Ok(bytes) => Some(bytes),
            Err(_) => return reading.refuse(format!("`max-size` is `{text}`; write a number of bytes")),
        },
    };
    Some(Box::new(ValidateOdataRequest { variable: variable(reading), usual, lowest, highest, largest }))
}

impl Policy for ValidateOdataRequest {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.validate(flow).into()
    }

    fn needs(&self) -> Needs {
        Needs { request_body: self.largest.is_some(), response_body: false }
    }
}

impl ValidateOdataRequest {
    fn validate(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let mut findings = Vec::new();
        self.versions(flow, &mut findings);
        options(&flow.request.query, &mut findings);
        let size = flow.request.body.held().map_or(0, bytes::Bytes::len);
        if let Some(largest) = self.largest.filter(|largest| size > *largest) {
            let details = format!("The body has {size} bytes; {largest} are allowed.");
            findings.push(finding("RequestBody", "Body", "SizeLimit", details));
        }
        conclude(flow, NAME, self.variable.as_ref(), &findings)
    }

    fn versions(&self, flow: &Flow<'_>, findings: &mut Vec<Finding>) {
        let mut said = |name: &'static str| {
            let value = flow.request.headers.get(name)?;
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let version: Result<Version, ()> = text.parse();
            if version.is_err() {
                let details = format!("`{text}` is no version of OData, such as 4.0.");
                findings.push(finding(name, "Header", "IncorrectMessage", details));
            }
            Some(version)
        };
        let (version, most) = (said("OData-Version"), said("OData-MaxVersion"));
        if let Ok(version) = version.unwrap_or(Ok(self.usual))
            && (self.lowest.is_some_and(|lowest| version < lowest)
                || self.highest.is_some_and(|highest| version > highest))
        {
            let details = format!("Version {version} of OData is not supported.");
            findings.push(finding("OData-Version", "Header", "NotSupported", details));
        }
        if let (Some(Ok(most)), Some(lowest)) = (most, self.lowest)
            && most < lowest
        {
            let details = format!("No version up to {most} of OData is supported; the lowest is {lowest}.");
            findings.push(finding("OData-MaxVersion", "Header", "NotSupported", details));
        }
    }
}

/// What is wrong with the system query options: those that begin with `$`.
fn options(query: &str, findings: &mut Vec<Finding>) {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in query::pairs(query) {
        let Some(option) = name.strip_prefix('$') else { continue };
        let mut wrong = |rule, details| findings.push(finding(&name, "QueryParameter", rule, details));
        let option = option.to_ascii_lowercase();
        if !OPTIONS.iter().chain(&MORE_OPTIONS).any(|known| *known == option) {
            wrong("Unspecified", format!("`{name}` is no query option of OData."));
        } else if seen.contains(&option) {
            wrong("IncorrectMessage", format!("`{name}` stands twice."));
        } else if !fits(&option, &value) {
            wrong("IncorrectMessage", format!("`{name}` cannot be `{value}`."));
        }
        seen.push(option);
    }
}

fn fits(option: &str, value: &str) -> bool {
    match option {
        "top" | "skip" => value.trim().parse::<u64>().is_ok(),
        "count" => matches!(value.trim(), "true" | "false"),
        _ => true,
    }
}

fn finding(name: &str, kind: &'static str, rule: &'static str, details: String) -> Finding {
    Finding { name: name.to_owned(), kind, rule, details, action: Action::Prevent }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    fn status(url: &str, headers: &[(&str, &str)]) -> u16 {
        let text = r#"<base /><validate-odata-request error-variable-name="e" min-odata-version="4.0" max-odata-version="4.01" max-size="5" />"#;
        let scene = Scene::new().request("POST", url).section("inbound", text);
        headers.iter().fold(scene, |scene, (name, value)| scene.header(name, value)).run().status()
    }

    #[test]
    fn versions_are_within_the_limits() {
        let rows = [
            (&[][..], 200),
            (&[("OData-Version", "4.0")], 200),
            (&[("OData-Version", "4.01"), ("OData-MaxVersion", "4.01")], 200),
            (&[("OData-Version", "3.0")], 400),
            (&[("OData-Version", "4.1")], 400),
            (&[("OData-Version", "four")], 400),
            (&[("OData-MaxVersion", "3.0")], 400),
        ];
        for (headers, wanted) in rows {
            assert_eq!(status("/Orders", headers), wanted, "{headers:?}");
        }
    }

    #[test]
    fn options_are_those_of_the_protocol() {
        let rows = [
            ("/Orders?$top=5&$skip=0&$count=true&$filter=a%20eq%201&own=1", 200),
            ("/Orders?%24top=5", 200),
            ("/Orders?$tpo=5", 400),
            ("/Orders?$top=-1", 400),
            ("/Orders?$count=maybe", 400),
            ("/Orders?$top=1&$top=2", 400),
        ];
        for (url, wanted) in rows {
            assert_eq!(status(url, &[]), wanted, "{url}");
        }
    }

    #[test]
    fn bodies_have_their_limit_and_findings_their_variable() {
        let text = r#"<base /><validate-odata-request error-variable-name="e" max-size="5" />"#;
        for (body, wanted) in [("12345", 200), ("123456", 400)] {
            let played = Scene::new().request("POST", "/Orders").body(body).section("inbound", text).run();
            assert_eq!(played.status(), wanted);
            assert_eq!(played.variable("e").is_some_and(|found| found.contains("SizeLimit")), wanted == 400);
        }
    }

    #[test]
    fn settings_are_checked_at_load() {
        for wrong in [r#"min-odata-version="four""#, r#"max-size="much""#] {
            let text = format!("<validate-odata-request {wrong} />");
            assert_eq!(Scene::new().section("inbound", &text).troubles().len(), 1, "{wrong}");
        }
    }
}
