//! One endpoint: what the router and the OpenAPI description are both made from.

use std::{future::Future, sync::Arc};

use axum::{
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;

use super::{AdminState, call::Call, refusal::Refusal};

/// What a caller sends along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    /// A page of a list: `limit`, `after`.
    Page,
    /// A question with parameters of its own: groups of names and what they mean. Answers a page.
    Query(&'static [&'static [(&'static str, &'static str)]]),
    /// An object of the named schema.
    Object(&'static str),
    /// Some fields of the named schema, to be merged (RFC 7396).
    Patch(&'static str),
    /// A small JSON object that is described in words.
    Json(&'static str),
    /// A configuration text.
    Text,
}

/// What must be sent to show that the caller knows what is being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    None,
    /// `If-Match` or `If-None-Match` are honoured.
    Honoured,
    /// `If-Match` is required.
    Required,
}

pub(super) struct Endpoint {
    pub(super) method: Method,
    /// Below `/admin/v1`; empty is not used.
    pub(super) path: String,
    pub(super) tag: &'static str,
    pub(super) summary: String,
    pub(super) input: Input,
    pub(super) precondition: Precondition,
    /// The status of success.
    pub(super) success: u16,
    /// Schema of the answer's body, when it has one.
    pub(super) output: Option<&'static str>,
    pub(super) handler: MethodRouter<Arc<AdminState>>,
}

impl Endpoint {
    pub(super) fn new<F, A>(method: Method, path: impl Into<String>, summary: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("endpoints use ordinary methods only");
        let path = path.into();
        let writes = method != Method::GET;
        Self {
            method,
            tag: "gateway",
            summary: summary.into(),
            input: if writes { Input::Json("") } else { Input::Nothing },
            precondition: Precondition::None,
            success: 200,
            output: None,
            handler: on(filter, move |call: Call| handler(call)),
            path,
        }
    }

    pub(super) fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    pub(super) fn takes(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    pub(super) fn only_if(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }

    pub(super) fn answers(mut self, success: u16, output: Option<&'static str>) -> Self {
        self.success = success;
        self.output = output;
        self
    }

    /// The path as axum spells it.
    pub(super) fn route(&self) -> String {
        self.path.clone()
    }
}
