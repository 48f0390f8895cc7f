//! The rarer objects: responses, tokens, regular expressions, hashes, and live views of `context`.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Dict, Json, Value};
use crate::expression::{
    host::{Certificate, Headers, Part, Side, UrlParts, Which},
    types::Kind,
};

/// A live view of a part of `context`: members ask the [`Host`](crate::expression::Host) when they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// An object with facts.
    Part(Part),
    /// `Headers`.
    Headers(Side),
    /// `Body`.
    Body(Side),
    /// `Url`, `OriginalUrl`.
    Url(Which),
    /// `Url.Query`.
    Query(Which),
    /// `Request.MatchedParameters`.
    Matched,
    /// `context.Variables`.
    Variables,
    /// `Deployment.Certificates`.
    Certificates,
}

impl Handle {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Part(part) => Kind::of_part(part),
            Self::Headers(_) | Self::Query(_) => Kind::Headers,
            Self::Matched | Self::Certificates => Kind::Dictionary,
            Self::Variables => Kind::Variables,
            Self::Body(_) => Kind::Body,
            Self::Url(_) => Kind::Url,
        }
    }
}

/// An answer that a policy fetched (`send-request`), or a request it made.
pub struct Response {
    /// `StatusCode`.
    pub status: u16,
    /// `StatusReason`.
    pub reason: Arc<str>,
    /// `Headers`.
    pub headers: Headers,
    /// `Body`; taken when it is read without `preserveContent`.
    pub body: Mutex<Option<Bytes>>,
}

impl Response {
    /// One with its body at hand.
    pub fn new(status: u16, reason: impl Into<Arc<str>>, headers: Headers, body: Bytes) -> Self {
        Self { status, reason: reason.into(), headers, body: Mutex::new(Some(body)) }
    }

    /// The body that is left; reading it here takes nothing away.
    pub fn body(&self) -> Bytes {
        super::guard(&self.body).clone().unwrap_or_default()
    }

    pub(crate) fn header_dict(&self) -> Dict {
        let row = |(name, values): &(Arc<str>, Vec<Arc<str>>)| {
            (Value::Text(super::usual(name)), Value::array(values.iter().cloned().map(Value::Text).collect()))
        };
        Dict::of(true, self.headers.iter().map(row))
    }
}

/// A JSON Web Token, read but not verified.
#[derive(Default)]
pub struct Jwt {
    /// The first part.
    pub header: Vec<(Arc<str>, Json)>,
    /// The second part.
    pub claims: Vec<(Arc<str>, Json)>,
    /// The token's text.
    pub raw: Arc<str>,
}

/// User and password of `Authorization: Basic`.
pub struct Basic {
    /// `UserId`, `Username`.
    pub user: Arc<str>,
    /// `Password`.
    pub password: Arc<str>,
}

/// `UTF8` and its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Ascii,
    Latin1,
    Utf16,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// A keyed hash.
pub(crate) struct Mac {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Mutex<Arc<[u8]>>,
}

pub(crate) struct RegexObject {
    pub(crate) regex: fancy_regex::Regex,
    pub(crate) pattern: Arc<str>,
    /// Steps that a search costs, beside its text.
    pub(crate) price: usize,
}

/// A group of a match: its text, and the byte of the input where it starts.
#[derive(Clone)]
pub(crate) struct GroupObject {
    pub(crate) text: Option<Arc<str>>,
    pub(crate) input: Arc<str>,
    pub(crate) start: usize,
    pub(crate) name: Arc<str>,
}

pub(crate) struct MatchObject {
    pub(crate) groups: Vec<GroupObject>,
    pub(crate) input: Arc<str>,
    pub(crate) regex: Value,
    /// Where the next search starts, in bytes.
    pub(crate) next: usize,
}

pub(crate) struct UriObject {
    pub(crate) text: Arc<str>,
    pub(crate) url: Option<url::Url>,
}

/// A certificate and its DER, parsed when a member asks.
pub(crate) struct CertificateObject(pub(crate) Certificate);

/// An object without a value variant of its own.
pub enum Object {
    #[doc(hidden)]
    Pair(Value, Value),
    #[doc(hidden)]
    Grouping(Value, Value),
    #[doc(hidden)]
    Lookup(Dict),
    #[doc(hidden)]
    Record(Vec<(Arc<str>, Value)>),
    /// A fetched response.
    Response(Response),
    /// A token.
    Jwt(Jwt),
    /// Basic credentials.
    Basic(Basic),
    /// A token that `get-authorization-context` fetched.
    Authorization(Arc<str>),
    #[doc(hidden)]
    Address(UrlParts),
    #[doc(hidden)]
    ResponseBody(Value),
    #[doc(hidden)]
    Uri(Box<UriWrap>),
    #[doc(hidden)]
    Builder(Mutex<String>),
    #[doc(hidden)]
    Random(Mutex<Option<u64>>),
    #[doc(hidden)]
    Library(Library),
}

/// Keeps library objects out of the public face.
pub struct UriWrap(pub(crate) UriObject);

/// Objects that only the library makes and reads.
pub struct Library(pub(crate) Inner);

pub(crate) enum Inner {
    Regex(RegexObject),
    Match(MatchObject),
    Group(GroupObject),
    Hash(Algorithm),
    Mac(Mac),
    Encoding(Encoding),
    Comparer(bool),
    Certificate(CertificateObject),
    Rsa(Certificate),
    Exception(super::Thrown),
    Namespace(Arc<str>),
    TextReader(Arc<str>),
    XmlReader(Mutex<crate::expression::library::Walk>),
    Zone(jiff::tz::TimeZone),
    Culture,
    Address(std::net::IpAddr),
    SecureRandom,
    DistinguishedName(Arc<str>),
}

impl Object {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Pair(..) => Kind::KeyValuePair,
            Self::Grouping(..) => Kind::Grouping,
            Self::Lookup(_) => Kind::Lookup,
            Self::Record(_) => Kind::Record,
            Self::Response(_) => Kind::Response,
            Self::Jwt(_) => Kind::Jwt,
            Self::Basic(_) => Kind::Basic,
            Self::Authorization(_) => Kind::Authorization,
            Self::Address(_) => Kind::Url,
            Self::ResponseBody(_) => Kind::Body,
            Self::Uri(_) => Kind::Uri,
            Self::Builder(_) => Kind::StringBuilder,
            Self::Random(_) => Kind::Random,
            Self::Library(inner) => inner.kind(),
        }
    }

    /// Gives its values to a caller that drops them without recursion.
    pub(super) fn surrender(&mut self, pending: &mut Vec<Value>) {
        match self {
            Self::Pair(key, value) | Self::Grouping(key, value) => {
                pending.extend([std::mem::take(key), std::mem::take(value)]);
            }
            Self::Record(fields) => pending.extend(std::mem::take(fields).into_iter().map(|(_, value)| value)),
            Self::ResponseBody(value) => pending.push(std::mem::take(value)),
            _ => {}
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.surrender(&mut pending);
        super::collection::dismantle(pending);
    }
}

impl Library {
    fn kind(&self) -> Kind {
        match &self.0 {
            Inner::Regex(_) => Kind::Regex,
            Inner::Match(_) => Kind::Match,
            Inner::Group(_) => Kind::Group,
            Inner::Hash(_) | Inner::Mac(_) => Kind::HashAlgorithm,
            Inner::Encoding(_) => Kind::Encoding,
            Inner::Comparer(_) => Kind::StringComparer,
            Inner::Certificate(_) => Kind::Certificate,
            Inner::Rsa(_) => Kind::Rsa,
            Inner::Exception(_) => Kind::Exception,
            Inner::Namespace(_) => Kind::XNamespace,
            Inner::TextReader(_) => Kind::StringReader,
            Inner::XmlReader(_) => Kind::XmlReader,
            Inner::Zone(_) => Kind::TimeZoneInfo,
            Inner::Culture => Kind::CultureInfo,
            Inner::Address(_) => Kind::IpAddress,
            Inner::SecureRandom => Kind::SecureRandom,
            Inner::DistinguishedName(_) => Kind::DistinguishedName,
        }
    }
}

impl Value {
    pub(crate) fn library(inner: Inner) -> Self {
        Self::object(Object::Library(Library(inner)))
    }

    pub(crate) fn inner(&self) -> Option<&Inner> {
        match self {
            Self::Object(object) => match &**object {
                Object::Library(library) => Some(&library.0),
                _ => None,
            },
            _ => None,
        }
    }
}
