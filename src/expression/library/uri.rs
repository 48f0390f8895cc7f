//! `Uri`, `IUrl`, and what makes addresses of dictionaries.

use std::sync::Arc;

use super::{
    Call, Row,
    encoding::{escape, unescape},
    fixed, member,
};
use crate::expression::{
    Headers, Kind, Thrown, Value,
    host::UrlParts,
    value::{Dict, Handle, Object, UriObject, UriWrap, address},
};

type Outcome = Result<Value, Thrown>;

const U: Kind = Kind::Uri;

pub(super) const ROWS: &[Row] = &[
    fixed(U, "new(text, [relative]): Uri", new),
    fixed(U, "TryCreate(text, kind, out): bool", |c| {
        let text = c.text_or_null(0).filter(|text| url::Url::parse(text).is_ok());
        let is_address = text.is_some();
        c.out = text.map_or(Value::Null, uri);
        Ok(Value::Bool(is_address))
    }),
    fixed(U, "IsWellFormedUriString(text, kind): bool", |c| {
        Ok(Value::Bool(c.text_or_null(0).is_some_and(|text| url::Url::parse(&text).is_ok())))
    }),
    member(U, "Scheme: string", |c| part(c, |url| url.scheme().to_owned())),
    member(U, "Host: string", |c| part(c, |url| url.host_str().unwrap_or_default().to_owned())),
    member(U, "DnsSafeHost: string", |c| part(c, |url| url.host_str().unwrap_or_default().to_owned())),
    member(U, "Authority: string", |c| part(c, |url| url.authority().to_owned())),
    member(U, "Port: int", |c| Ok(Value::Int(absolute(c)?.port_or_known_default().map_or(-1, i32::from)))),
    member(U, "AbsolutePath: string", |c| part(c, |url| url.path().to_owned())),
    member(U, "LocalPath: string", |c| part(c, |url| unescape(url.path(), false))),
    member(U, "PathAndQuery: string", |c| {
        part(c, |url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
    }),
    member(U, "AbsoluteUri: string", |c| part(c, |url| url.as_str().to_owned())),
    member(U, "OriginalString: string", |c| Ok(Value::Text(c.this.to_text()))),
    member(U, "Query: string", |c| {
        part(c, |url| {
            url.query().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default()
        })
    }),
    member(U, "Fragment: string", |c| {
        part(c, |url| url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default())
    }),
    member(U, "UserInfo: string", |c| part(c, |url| url.username().to_owned())),
    member(U, "IsAbsoluteUri: bool", |c| Ok(Value::Bool(absolute(c).is_ok()))),
    member(U, "GetLeftPart(part): string", |c| {
        let until = match c.arg(0) {
            Value::Enum(_, 0) => url::Position::BeforeUsername,
            Value::Enum(_, 1) => url::Position::BeforePath,
            Value::Enum(_, 2) => url::Position::AfterPath,
            _ => url::Position::AfterQuery,
        };
        part(c, |url| url[..until].to_owned())
    }),
    member(U, "IsDefaultPort: bool", |c| Ok(Value::Bool(absolute(c)?.port().is_none()))),
    member(U, "IsLoopback: bool", |c| {
        let host = absolute(c)?.host_str().unwrap_or_default().to_owned();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        Ok(Value::Bool(host == "localhost" || address.is_ok_and(|address| address.is_loopback())))
    }),
    member(U, "Segments: string[]", |c| {
        let path = absolute(c)?.path().to_owned();
        Ok(Value::array(path.split_inclusive('/').map(Value::from).collect()))
    }),
    member(Kind::Url, "Scheme: string", |c| Ok(Value::Text(parts(c).scheme))),
    member(Kind::Url, "Host: string", |c| Ok(Value::Text(parts(c).host))),
    member(Kind::Url, "Port: int", |c| Ok(Value::Int(i32::from(parts(c).port)))),
    member(Kind::Url, "Path: string", |c| Ok(Value::Text(parts(c).path))),
    member(Kind::Url, "QueryString: string", |c| Ok(Value::Text(parts(c).query))),
    member(Kind::Url, "Query: IReadOnlyDictionary", query),
    member(Kind::Url, "ToUri(): Uri", |c| {
        let text = address(&parts(c));
        Ok(uri(text.into()))
    }),
    member(Kind::Url, "ToString(): string", |c| {
        let text = address(&parts(c));
        c.new_text(text)
    }),
    member(Kind::Dictionary, "ToQueryString(): string", |c| form(c, false)),
    member(Kind::Dictionary, "ToFormUrlEncodedContent(): string", |c| form(c, true)),
];

fn uri(text: Arc<str>) -> Value {
    let url = url::Url::parse(&text).ok();
    Value::object(Object::Uri(Box::new(UriWrap(UriObject { text, url }))))
}

fn new(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    if c.count() == 2 && !matches!(c.arg(1), Value::Enum(..) | Value::Int(_)) {
        let base = url::Url::parse(&text).map_err(|_| invalid())?;
        let joined = base.join(&c.arg(1).to_text()).map_err(|_| invalid())?;
        return Ok(uri(joined.as_str().into()));
    }
    if url::Url::parse(&text).is_err() {
        return Err(invalid());
    }
    Ok(uri(text))
}

fn invalid() -> Thrown {
    Thrown::new("UriFormatException", "Invalid URI: The format of the URI could not be determined.")
}

fn absolute<'c>(c: &'c Call<'_, '_>) -> Result<&'c url::Url, Thrown> {
    match &c.this {
        Value::Object(object) => match &**object {
            Object::Uri(uri) => uri
                .0
                .url
                .as_ref()
                .ok_or_else(|| Thrown::operation("This operation is not supported for a relative URI.")),
            _ => Err(Thrown::cast(c.this.kind().full_name(), "System.Uri")),
        },
        other => Err(Thrown::cast(other.kind().full_name(), "System.Uri")),
    }
}

fn part(c: &mut Call<'_, '_>, read: impl Fn(&url::Url) -> String) -> Outcome {
    absolute(c).map(|url| Value::from(read(url)))
}

fn parts(c: &mut Call<'_, '_>) -> UrlParts {
    match &c.this {
        Value::Handle(Handle::Url(which)) => c.machine.host.url(*which),
        Value::Object(object) => match &**object {
            Object::Address(parts) => parts.clone(),
            _ => UrlParts::default(),
        },
        _ => UrlParts::default(),
    }
}

/// The parts of an address given as text.
pub(super) fn parts_of(text: &str) -> Option<UrlParts> {
    let url = url::Url::parse(text).ok()?;
    Some(UrlParts {
        scheme: url.scheme().into(),
        host: url.host_str().unwrap_or_default().into(),
        port: url.port_or_known_default().unwrap_or(0),
        path: url.path().into(),
        query: url.query().map(|query| format!("?{query}")).unwrap_or_default().into(),
    })
}

/// The parameters of a query string, decoded, several values of one name together.
pub(in crate::expression) fn query_rows(query: &str) -> Headers {
    let mut rows: Headers = Vec::new();
    let mut index = std::collections::HashMap::new();
    for pair in query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescape(name, true), unescape(value, true));
        let at = *index.entry(name.to_lowercase()).or_insert(rows.len());
        if at == rows.len() {
            rows.push((name.into(), Vec::new()));
        }
        rows[at].1.push(value.into());
    }
    rows
}

fn query(c: &mut Call<'_, '_>) -> Outcome {
    if let Value::Handle(Handle::Url(which)) = c.this {
        return Ok(Value::Handle(Handle::Query(which)));
    }
    let row = |(name, values): (Arc<str>, Vec<Arc<str>>)| {
        (Value::Text(name), Value::array(values.into_iter().map(Value::Text).collect()))
    };
    let query = parts(c).query;
    Ok(Value::Dict(Dict::of(true, query_rows(&query).into_iter().map(row)).into()))
}

fn form(c: &mut Call<'_, '_>, plus: bool) -> Outcome {
    let this = c.this.clone();
    let Value::Dict(dict) = c.machine.settled(&this) else {
        return Err(Thrown::cast(this.kind().full_name(), "a dictionary"));
    };
    let mut pairs = Vec::new();
    for (name, value) in dict.rows() {
        let values = match &value {
            Value::List(list) => list.items(),
            other => vec![other.clone()],
        };
        for value in values {
            pairs.push(format!("{}={}", escape(&name.to_text(), plus, "-_.~"), escape(&value.to_text(), plus, "-_.~")));
        }
    }
    c.new_text(pairs.join("&"))
}
