//! Members of `context` that are more than facts, and of responses in variables.

use super::{Call, Row, member, uri};
use crate::expression::{
    Fact, Kind, Side, Thrown, Value,
    value::{CertificateObject, Handle, Inner, Object},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    member(Kind::Context, "Trace(message): void", |c| {
        let message = c.arg(0).to_text();
        c.machine.host.trace(&message);
        Ok(Value::Null)
    }),
    member(Kind::Api, "ServiceUrl: IUrl", |c| {
        let url = c.machine.host.fact(Fact::ApiServiceUrl);
        Ok(match uri::parts_of(&url.to_text()) {
            Some(parts) => Value::object(Object::Address(parts)),
            None => Value::Null,
        })
    }),
    member(Kind::Request, "Certificate: X509Certificate2", |c| {
        let certificate = c.machine.host.client_certificate();
        Ok(certificate
            .map_or(Value::Null, |certificate| Value::library(Inner::Certificate(CertificateObject(certificate)))))
    }),
    member(Kind::Request, "PrivateEndpointConnection: object", |_| Ok(Value::Null)),
    member(Kind::Request, "AzureVnetInfo: object", |_| Ok(Value::Null)),
    member(Kind::Response, "StatusCode: int", |c| read(c, Fact::ResponseStatusCode)),
    member(Kind::Response, "StatusReason: string", |c| read(c, Fact::ResponseStatusReason)),
    member(Kind::Response, "Headers: IReadOnlyDictionary", |c| match &c.this {
        Value::Object(object) => match &**object {
            Object::Response(response) => Ok(Value::Dict(response.header_dict().into())),
            _ => Err(Thrown::cast(c.this.kind().full_name(), "IResponse")),
        },
        _ => Ok(Value::Handle(Handle::Headers(Side::Response))),
    }),
    member(Kind::Response, "Body: IMessageBody", |c| match &c.this {
        Value::Object(_) => Ok(Value::object(Object::ResponseBody(c.this.clone()))),
        _ => Ok(Value::Handle(Handle::Body(Side::Response))),
    }),
];

fn read(c: &mut Call<'_, '_>, fact: Fact) -> Outcome {
    let Value::Object(object) = &c.this else { return Ok(c.machine.host.fact(fact)) };
    match &**object {
        Object::Response(response) if fact == Fact::ResponseStatusCode => Ok(Value::Int(i32::from(response.status))),
        Object::Response(response) => Ok(Value::Text(response.reason.clone())),
        _ => Err(Thrown::cast(c.this.kind().full_name(), "IResponse")),
    }
}
