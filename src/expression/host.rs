//! What an expression can see and do: the members of `context`, as a trait that the policy engine implements.
//!
//! Deliberately not here: setting anything. Expressions read; policies write.

use std::sync::Arc;

use bytes::Bytes;

use super::{Thrown, Value};
use crate::model::Timestamp;

/// Which message of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `context.Request`.
    Request,
    /// `context.Response`.
    Response,
}

/// Which address of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// `context.Request.Url`: as it will be sent to the backend.
    Url,
    /// `context.Request.OriginalUrl`: as the caller sent it.
    OriginalUrl,
}

/// An object of `context` that may be absent (`null`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `context` itself; never absent.
    Context,
    /// `context.Api`.
    Api,
    /// `context.Deployment`.
    Deployment,
    /// `context.Gateway` and `context.Deployment.Gateway`.
    Gateway,
    /// `context.LastError`: absent until something failed.
    LastError,
    /// `context.Operation`.
    Operation,
    /// `context.Product`: absent for keys that belong to no product.
    Product,
    /// `context.Request`.
    Request,
    /// `context.Response`: absent before there is one.
    Response,
    /// `context.Subscription`: absent for anonymous calls.
    Subscription,
    /// `context.User`: absent for anonymous calls.
    User,
    /// `context.Workspace`.
    Workspace,
    /// `context.Api.SubscriptionKeyParameterNames`.
    KeyNames,
}

macro_rules! facts {
    ($($name:ident = $part:ident . $member:literal : $type:literal, $doc:literal;)*) => {
        /// A leaf member of `context`. The comment of each names the C# type that [`Host::fact`] must answer with;
        /// [`Value::Null`] is always allowed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fact { $(#[doc = $doc] $name,)* }

        impl Fact {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The object it belongs to, its name there and its C# type.
            #[must_use]
            pub const fn declaration(self) -> (Part, &'static str, &'static str) {
                match self { $(Self::$name => (Part::$part, $member, $type)),* }
            }
        }
    };
}

facts! {
    RequestId = Context."RequestId": "Guid", "`context.RequestId`, a Guid.";
    Timestamp = Context."Timestamp": "DateTime", "`context.Timestamp`: when the request arrived, a DateTime in UTC.";
    Elapsed = Context."Elapsed": "TimeSpan", "`context.Elapsed`: since then, a TimeSpan.";
    Tracing = Context."Tracing": "bool", "`context.Tracing`: whether this request is traced, a bool.";
    ApiId = Api."Id": "string", "`context.Api.Id`.";
    ApiName = Api."Name": "string", "`context.Api.Name`.";
    ApiPath = Api."Path": "string", "`context.Api.Path`.";
    ApiProtocols = Api."Protocols": "IEnumerable<string>", "`context.Api.Protocols`, a list of text.";
    ApiServiceUrl = Api."ServiceUrl": "IUrl", "`context.Api.ServiceUrl`: text; the expression sees its parts.";
    ApiRevision = Api."Revision": "string", "`context.Api.Revision`.";
    ApiVersion = Api."Version": "string", "`context.Api.Version`.";
    ApiIsCurrentRevision = Api."IsCurrentRevision": "bool", "`context.Api.IsCurrentRevision`.";
    KeyHeader = KeyNames."Header": "string", "`context.Api.SubscriptionKeyParameterNames.Header`.";
    KeyQuery = KeyNames."Query": "string", "`context.Api.SubscriptionKeyParameterNames.Query`.";
    GatewayIdOld = Deployment."GatewayId": "string", "`context.Deployment.GatewayId`.";
    Region = Deployment."Region": "string", "`context.Deployment.Region`.";
    ServiceId = Deployment."ServiceId": "string", "`context.Deployment.ServiceId`.";
    ServiceName = Deployment."ServiceName": "string", "`context.Deployment.ServiceName`.";
    SustainabilityInfo = Deployment."SustainabilityInfo": "string", "`context.Deployment.SustainabilityInfo`.";
    GatewayId = Gateway."Id": "string", "`context.Gateway.Id`.";
    GatewayInstanceId = Gateway."InstanceId": "string", "`context.Gateway.InstanceId`.";
    GatewayIsManaged = Gateway."IsManaged": "bool", "`context.Gateway.IsManaged`.";
    ErrorSource = LastError."Source": "string", "`context.LastError.Source`: the policy.";
    ErrorReason = LastError."Reason": "string", "`context.LastError.Reason`: the code.";
    ErrorMessage = LastError."Message": "string", "`context.LastError.Message`.";
    ErrorScope = LastError."Scope": "string", "`context.LastError.Scope`.";
    ErrorSection = LastError."Section": "string", "`context.LastError.Section`.";
    ErrorPath = LastError."Path": "string", "`context.LastError.Path`, such as `choose[3]/when[2]`.";
    ErrorPolicyId = LastError."PolicyId": "string", "`context.LastError.PolicyId`.";
    ErrorHttpCode = LastError."HttpErrorCode": "int", "`context.LastError.HttpErrorCode`.";
    OperationId = Operation."Id": "string", "`context.Operation.Id`.";
    OperationMethod = Operation."Method": "string", "`context.Operation.Method`.";
    OperationName = Operation."Name": "string", "`context.Operation.Name`.";
    OperationUrlTemplate = Operation."UrlTemplate": "string", "`context.Operation.UrlTemplate`.";
    ProductId = Product."Id": "string", "`context.Product.Id`.";
    ProductName = Product."Name": "string", "`context.Product.Name`.";
    ProductState = Product."State": "string", "`context.Product.State`: `Published` or `NotPublished`.";
    ProductApprovalRequired = Product."ApprovalRequired": "bool", "`context.Product.ApprovalRequired`.";
    ProductSubscriptionRequired = Product."SubscriptionRequired": "bool", "`context.Product.SubscriptionRequired`.";
    ProductSubscriptionLimit = Product."SubscriptionLimit": "int", "`context.Product.SubscriptionLimit`.";
    ProductApis = Product."Apis": "IEnumerable<object>", "`context.Product.Apis`: a list of dictionaries with `Id` and `Name`.";
    ProductGroups = Product."Groups": "IEnumerable<object>", "`context.Product.Groups`: likewise.";
    SubscriptionId = Subscription."Id": "string", "`context.Subscription.Id`.";
    SubscriptionName = Subscription."Name": "string", "`context.Subscription.Name`.";
    SubscriptionKey = Subscription."Key": "string", "`context.Subscription.Key`: the key that the caller used.";
    SubscriptionPrimaryKey = Subscription."PrimaryKey": "string", "`context.Subscription.PrimaryKey`.";
    SubscriptionSecondaryKey = Subscription."SecondaryKey": "string", "`context.Subscription.SecondaryKey`.";
    SubscriptionCreatedDate = Subscription."CreatedDate": "DateTime", "`context.Subscription.CreatedDate`.";
    SubscriptionStartDate = Subscription."StartDate": "DateTime", "`context.Subscription.StartDate`.";
    SubscriptionEndDate = Subscription."EndDate": "DateTime", "`context.Subscription.EndDate`.";
    UserId = User."Id": "string", "`context.User.Id`.";
    UserEmail = User."Email": "string", "`context.User.Email`.";
    UserFirstName = User."FirstName": "string", "`context.User.FirstName`.";
    UserLastName = User."LastName": "string", "`context.User.LastName`.";
    UserNote = User."Note": "string", "`context.User.Note`.";
    UserRegistrationDate = User."RegistrationDate": "DateTime", "`context.User.RegistrationDate`.";
    UserGroups = User."Groups": "IEnumerable<object>", "`context.User.Groups`: a list of dictionaries with `Id` and `Name`.";
    UserIdentities = User."Identities": "IEnumerable<object>", "`context.User.Identities`: a list of dictionaries with `Id` and `Provider`.";
    RequestMethod = Request."Method": "string", "`context.Request.Method`.";
    RequestIpAddress = Request."IpAddress": "string", "`context.Request.IpAddress`.";
    ResponseStatusCode = Response."StatusCode": "int", "`context.Response.StatusCode`.";
    ResponseStatusReason = Response."StatusReason": "string", "`context.Response.StatusReason`.";
    WorkspaceId = Workspace."Id": "string", "`context.Workspace.Id`.";
    WorkspaceName = Workspace."Name": "string", "`context.Workspace.Name`.";
}

/// Headers as lists of values, names as they were sent, in their order.
pub type Headers = Vec<(Arc<str>, Vec<Arc<str>>)>;

/// The parts of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlParts {
    /// `http` or `https`.
    pub scheme: Arc<str>,
    /// Without port.
    pub host: Arc<str>,
    /// The one in use, given or not.
    pub port: u16,
    /// With its leading slash, as sent.
    pub path: Arc<str>,
    /// With its leading `?`, or empty.
    pub query: Arc<str>,
}

/// A certificate that expressions can read, and sign with if its key is here.
#[derive(Clone, Default)]
pub struct Certificate {
    /// The certificate, DER.
    pub der: Arc<[u8]>,
    /// Its private key, PKCS#8 DER.
    pub key: Option<Arc<[u8]>>,
    /// Whether a chain leads to an authority that is trusted (`Verify`).
    pub is_trusted: bool,
    /// Whether it is known to be revoked.
    pub is_revoked: bool,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("has_key", &self.key.is_some()).finish_non_exhaustive()
    }
}

/// The exchange as expressions see it. Implementations answer from memory: nothing here waits.
pub trait Host {
    /// A leaf of `context`; `Null` when unknown or when its [`Part`] is absent.
    fn fact(&mut self, fact: Fact) -> Value;
    /// Whether that object of `context` is there.
    fn has(&mut self, part: Part) -> bool;
    /// The values of a header, joined with `,`, names compared without regard to case; `None` when it is not there.
    fn header(&mut self, side: Side, name: &str) -> Option<Arc<str>>;
    /// All headers of a message.
    fn headers(&mut self, side: Side) -> Headers;
    /// An address of the request.
    fn url(&mut self, which: Which) -> UrlParts;
    /// `context.Request.MatchedParameters`: path and query parameters of the operation's template.
    fn matched_parameters(&mut self) -> Vec<(Arc<str>, Arc<str>)>;
    /// `context.Variables[name]`; `None` when it was never set.
    fn variable(&mut self, name: &str) -> Option<Value>;
    /// All variables.
    fn variables(&mut self) -> Vec<(Arc<str>, Value)>;
    /// The bytes of a body, whole; `None` when there is none. Unless `preserve` is set the body is gone afterwards.
    ///
    /// # Errors
    /// A body that was consumed before, or that is larger than may be held.
    fn body(&mut self, side: Side, preserve: bool) -> Result<Option<Bytes>, Thrown>;
    /// `context.Trace(message)`.
    fn trace(&mut self, message: &str);
    /// Wall-clock time.
    fn now(&mut self) -> Timestamp;
    /// Fills `bytes` with random ones.
    fn random(&mut self, bytes: &mut [u8]);
    /// The caller's certificate.
    fn client_certificate(&mut self) -> Option<Certificate>;
    /// `context.Deployment.Certificates` by id.
    fn certificates(&mut self) -> Vec<(Arc<str>, Certificate)>;
}
