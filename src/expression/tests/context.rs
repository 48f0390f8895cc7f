//! `context`: every member, over an exchange that has all of them and over one that has none.

use super::{check_with, compiled, evaluate, fixture};
use crate::expression::{Bounds, Fact, Value, value::Response};

fn full() -> serde_json::Value {
    serde_json::json!({
        "requestId": "d3b07384-d9a0-4c9b-8f3e-000000000001", "timestamp": "2024-03-09T10:20:30Z", "elapsed": 1500, "tracing": true,
        "api": { "id": "orders", "name": "Orders", "path": "orders/v1", "protocols": ["https"], "serviceUrl": "https://backend.example/base",
            "revision": "2", "version": "v1", "isCurrentRevision": true, "subscriptionKeyParameterNames": { "header": "Ocp-Apim-Subscription-Key", "query": "subscription-key" } },
        "deployment": { "gatewayId": "managed", "region": "West Europe", "serviceId": "svc", "serviceName": "contoso" },
        "gateway": { "id": "managed", "instanceId": "i1", "isManaged": true },
        "lastError": { "source": "validate-jwt", "reason": "TokenExpired", "message": "expired", "scope": "api", "section": "inbound", "path": "choose[1]", "policyId": "p1", "httpErrorCode": 401 },
        "operation": { "id": "get", "method": "GET", "name": "Get order", "urlTemplate": "/orders/{id}" },
        "product": { "id": "team", "name": "Team", "state": "Published", "approvalRequired": false, "subscriptionRequired": true, "subscriptionLimit": 3,
            "apis": [{ "id": "orders", "name": "Orders" }], "groups": [{ "id": "g1", "name": "Developers" }] },
        "subscription": { "id": "sub1", "name": "Sub", "key": "k", "primaryKey": "k", "secondaryKey": "l", "createdDate": "2024-01-01T00:00:00Z", "startDate": "2024-01-02T00:00:00Z", "endDate": null },
        "user": { "id": "u1", "email": "u@example.org", "firstName": "Ada", "lastName": "L", "note": "n", "registrationDate": "2020-01-01T00:00:00Z",
            "groups": [{ "id": "g1", "name": "Developers" }, { "id": "g2", "name": "Admins" }], "identities": [{ "id": "x", "provider": "Azure" }] },
        "workspace": { "id": "w", "name": "Work" },
        "request": { "method": "POST", "ipAddress": "203.0.113.7", "url": "https://gw.example:8443/orders/v1/5?a=1&b=2&b=3&c=%20x", "originalUrl": "http://api.example/orders/v1/5",
            "headers": { "Accept": ["text/plain", "text/html"], "X-One": ["1"] }, "matchedParameters": { "id": "5" }, "body": { "model": "gpt", "stream": true, "n": 2 } },
        "response": { "statusCode": 429, "statusReason": "Too Many Requests", "headers": { "Retry-After": ["7"] }, "body": { "choices": [{ "text": "hi" }] } },
        "variables": { "text": "abc", "flag": true, "n": 5 }
    })
}

#[test]
fn every_fact_has_its_type_and_is_null_safe() {
    check_with(
        &full(),
        &[
            ("context.RequestId.ToString()", "'d3b07384-d9a0-4c9b-8f3e-000000000001'"),
            ("context.RequestId", "d3b07384-d9a0-4c9b-8f3e-000000000001"),
            ("context.Timestamp.ToString(\"s\")", "'2024-03-09T10:20:30'"),
            ("context.Elapsed.TotalMilliseconds", "1500d"),
            ("context.Elapsed.TotalSeconds > 1", "true"),
            ("context.Tracing", "true"),
            ("context.Api.Id", "'orders'"),
            (
                "context.Api.Name + context.Api.Path + context.Api.Version + context.Api.Revision",
                "'Ordersorders/v1v12'",
            ),
            ("context.Api.IsCurrentRevision", "true"),
            ("context.Api.Protocols.First()", "'https'"),
            ("context.Api.ServiceUrl.Host", "'backend.example'"),
            ("context.Api.ServiceUrl.ToString()", "'https://backend.example/base'"),
            ("context.Api.SubscriptionKeyParameterNames.Header", "'Ocp-Apim-Subscription-Key'"),
            ("context.Deployment.Region", "'West Europe'"),
            ("context.Deployment.ServiceName", "'contoso'"),
            ("context.Deployment.ServiceId + context.Deployment.GatewayId", "'svcmanaged'"),
            ("context.Deployment.Gateway.Id", "'managed'"),
            ("context.Gateway.IsManaged", "true"),
            (
                "context.LastError.Source + context.LastError.Reason + context.LastError.Message",
                "'validate-jwtTokenExpiredexpired'",
            ),
            (
                "context.LastError.Section + context.LastError.Scope + context.LastError.Path + context.LastError.PolicyId",
                "'inboundapichoose[1]p1'",
            ),
            ("context.LastError.HttpErrorCode", "401"),
            (
                "context.Operation.Id + context.Operation.Method + context.Operation.Name + context.Operation.UrlTemplate",
                "'getGETGet order/orders/{id}'",
            ),
            ("context.Product.Name", "'Team'"),
            ("context.Product.State.ToString()", "'Published'"),
            ("context.Product.SubscriptionLimit + 1", "4"),
            ("context.Product.SubscriptionRequired && !context.Product.ApprovalRequired", "true"),
            ("context.Product.Groups.Select(g => g.Name).First()", "'Developers'"),
            ("context.Product.Apis.Any(a => a.Id == context.Api.Id)", "true"),
            ("context.Subscription.Id + context.Subscription.Key + context.Subscription.SecondaryKey", "'sub1kl'"),
            ("context.Subscription.CreatedDate.Year", "2024"),
            ("context.Subscription.EndDate == null", "true"),
            ("context.User.Email.Split('@')[1]", "'example.org'"),
            ("context.User.FirstName + context.User.LastName + context.User.Note", "'AdaLn'"),
            ("context.User.Groups.Any(g => g.Name == \"Admins\")", "true"),
            ("string.Join(\",\", context.User.Groups.Select(g => g.Id))", "'g1,g2'"),
            ("context.User.Identities.First().Provider", "'Azure'"),
            ("context.User.RegistrationDate.Year", "2020"),
            ("context.Workspace.Id", "'w'"),
            ("context.Request.Method", "'POST'"),
            ("context.Request.IpAddress", "'203.0.113.7'"),
            ("context.Request.Certificate == null", "true"),
            ("context.Request.PrivateEndpointConnection == null", "true"),
            ("context.Response.StatusCode == 429", "true"),
            ("context.Response.StatusReason", "'Too Many Requests'"),
            ("context.Response.StatusCode >= 500 && context.Response.StatusCode < 600", "false"),
        ],
    );
    let nothing = serde_json::json!({});
    for fact in Fact::ALL {
        let (part, member, _) = fact.declaration();
        let owner = super::super::types::Kind::of_part(part).name().trim_start_matches('I');
        let path = match owner {
            "ProxyRequestContext" => format!("context.{member}"),
            "SubscriptionKeyParameterNames" => format!("context.Api.{owner}?.{member}"),
            _ => format!("context.{owner}?.{member}"),
        };
        evaluate(&path, nothing.clone()).unwrap_or_else(|thrown| panic!("{path}: {thrown}"));
        evaluate(&path.replace("?.", "."), full()).unwrap_or_else(|thrown| panic!("{path}: {thrown}"));
    }
}

#[test]
fn headers_queries_and_parameters() {
    check_with(
        &full(),
        &[
            (r#"context.Request.Headers["Accept"]"#, "['text/plain', 'text/html']"),
            (r#"context.Request.Headers["accept"].First()"#, "'text/plain'"),
            (r#"context.Request.Headers["Nope"]"#, "!KeyNotFoundException"),
            (r#"context.Request.Headers.GetValueOrDefault("Accept")"#, "'text/plain,text/html'"),
            (r#"context.Request.Headers.GetValueOrDefault("x-one", "none")"#, "'1'"),
            (r#"context.Request.Headers.GetValueOrDefault("Nope", "none")"#, "'none'"),
            (r#"context.Request.Headers.GetValueOrDefault("Nope")"#, "null"),
            (r#"context.Request.Headers.ContainsKey("X-ONE")"#, "true"),
            (r#"context.Request.Headers.Count"#, "2"),
            (
                r#"context.Request.Headers.Select(h => h.Key + "=" + string.Join(";", h.Value))"#,
                "['Accept=text/plain;text/html', 'X-One=1']",
            ),
            (r#"context.Request.Headers.TryGetValue("X-One", out var v) ? v[0] : "none""#, "'1'"),
            (
                r#"context.Request.Headers.Where(h => h.Key.StartsWith("X-")).ToDictionary(h => h.Key, h => h.Value.First())["X-One"]"#,
                "'1'",
            ),
            (r#"context.Request.Headers.Keys"#, "['Accept', 'X-One']"),
            (
                r#"{ var t = ""; foreach (var h in context.Request.Headers) { t += h.Key + ":" + h.Value[0] + ";"; } return t; }"#,
                "'Accept:text/plain;X-One:1;'",
            ),
            (r#"context.Request.Url.Query["b"]"#, "['2', '3']"),
            (r#"context.Request.Url.Query.GetValueOrDefault("b", "")"#, "'2,3'"),
            (r#"context.Request.Url.Query.GetValueOrDefault("c")"#, "' x'"),
            (r#"context.Request.Url.Query.ContainsKey("zzz")"#, "false"),
            (r#"context.Request.Url.Query.ToQueryString()"#, "'a=1&b=2&b=3&c=%20x'"),
            (r#"context.Request.Url.QueryString"#, "'?a=1&b=2&b=3&c=%20x'"),
            (r#"context.Request.Url.Path"#, "'/orders/v1/5'"),
            (r#"context.Request.Url.Host + ":" + context.Request.Url.Port"#, "'gw.example:8443'"),
            (r#"context.Request.Url.Scheme"#, "'https'"),
            (r#"context.Request.Url.ToString()"#, "'https://gw.example:8443/orders/v1/5?a=1&b=2&b=3&c=%20x'"),
            (r#"context.Request.OriginalUrl.ToUri().Authority"#, "'api.example'"),
            (r#"context.Request.OriginalUrl.Host"#, "'api.example'"),
            (r#"new Uri(context.Request.OriginalUrl.ToString()).AbsolutePath"#, "'/orders/v1/5'"),
            (r#"context.Request.MatchedParameters["id"]"#, "'5'"),
            (r#"context.Request.MatchedParameters.GetValueOrDefault("nope", "0")"#, "'0'"),
            (r#"context.Request.MatchedParameters.ContainsKey("id")"#, "true"),
            (r#"context.Response.Headers.GetValueOrDefault("Retry-After", "0")"#, "'7'"),
            (r#"int.Parse(context.Response.Headers.GetValueOrDefault("Retry-After", "0")) + 1"#, "8"),
        ],
    );
}

#[test]
fn variables() {
    check_with(
        &full(),
        &[
            (r#"context.Variables["text"]"#, "'abc'"),
            (r#"(string)context.Variables["nope"]"#, "!KeyNotFoundException"),
            (r#"context.Variables.ContainsKey("text")"#, "true"),
            (r#"context.Variables.GetValueOrDefault<string>("text")"#, "'abc'"),
            (r#"context.Variables.GetValueOrDefault<string>("nope")"#, "null"),
            (r#"context.Variables.GetValueOrDefault<string>("nope", "d")"#, "'d'"),
            (r#"context.Variables.GetValueOrDefault<int>("nope")"#, "0"),
            (r#"context.Variables.GetValueOrDefault<bool>("flag") ? 1 : 2"#, "1"),
            (r#"context.Variables.GetValueOrDefault("n", 0) + 1"#, "6"),
            (r#"context.Variables.GetValueOrDefault<int>("text")"#, "!InvalidCastException"),
            (r#"context.Variables.TryGetValue("text", out var v) ? v : null"#, "'abc'"),
            (r#"context.Variables.GetValueOrDefault("text", "").ToUpper()"#, "'ABC'"),
            (
                r#"context.Variables["x"] = 5"#,
                "?this cannot be changed by an expression; use `set-variable` or `set-header`",
            ),
            (r#"context.Variables.Count"#, "3"),
            (r#"((string)context.Variables["text"]).Length"#, "3"),
            (r#"(string)context.Variables["text"] == "abc""#, "true"),
            (r#"context.Variables["n"].ToString()"#, "'5'"),
            (r#"Convert.ToInt32(context.Variables["n"])"#, "5"),
            (r#"(bool)context.Variables["flag"]"#, "true"),
        ],
    );
}

#[test]
fn bodies_are_read_once_unless_preserved() {
    check_with(
        &full(),
        &[
            (r#"(string)context.Request.Body.As<JObject>(true)["model"]"#, "'gpt'"),
            (r#"context.Request.Body.As<JObject>(preserveContent: true)["stream"]?.Value<bool>() == true"#, "true"),
            (r#"context.Request.Body.As<string>(preserveContent: true).Length > 10"#, "true"),
            (r#"context.Request.Body.As<byte[]>(true)[0]"#, "123"),
            (r#"context.Request.Body.As<JToken>(true)["n"].Value<int>()"#, "2"),
            (r#"context.Request.Body.As<JArray>(true)"#, "!JsonReaderException"),
            (r#"context.Request.Body.As<XElement>(true)"#, "!XmlException"),
            (
                r#"{ var a = context.Request.Body.As<string>(true); var b = context.Request.Body.As<string>(true); return a == b; }"#,
                "true",
            ),
            (
                r#"{ var a = context.Request.Body.As<string>(); return context.Request.Body.As<string>() == null; }"#,
                "true",
            ),
            (r#"context.Response.Body.As<JObject>(true)["choices"][0]["text"]"#, r#"json:"hi""#),
            (r#"context.Request.Body != null"#, "true"),
        ],
    );
    let form = serde_json::json!({ "request": { "body": "grant_type=client_credentials&scope=a+b&x=%26" } });
    check_with(
        &form,
        &[
            (r#"context.Request.Body.AsFormUrlEncodedContent()["scope"].First()"#, "'a b'"),
            (r#"context.Request.Body.AsFormUrlEncodedContent(true).GetValueOrDefault("x", "")"#, "'&'"),
        ],
    );
    check_with(
        &serde_json::json!({}),
        &[
            ("context.Request.Body.As<JObject>()", "null"),
            ("context.Response.Body.As<string>()", "!NullReferenceException"),
        ],
    );
}

#[test]
fn what_is_read_is_known_beforehand() {
    for (text, request, response, consumes) in [
        ("context.Request.Method", false, false, false),
        ("context.Request.Body.As<string>(true)", true, false, false),
        ("context.Request.Body.As<string>(preserveContent: true)", true, false, false),
        ("context.Request.Body.As<string>()", true, false, true),
        ("context.Request.Body.As<string>(false)", true, false, true),
        ("context.Response.Body.As<string>(true)", false, true, false),
        ("context.Response.Body.As<string>()", false, true, true),
        ("((IResponse)context.Variables[\"r\"]).Body.As<string>()", false, false, false),
        ("context.Response?.Body.As<string>(true)", false, true, false),
        ("context.Request.Headers.Count", false, false, false),
    ] {
        let needs = compiled(text).needs();
        assert_eq!((needs.request_body, needs.response_body, needs.consumes), (request, response, consumes), "{text}");
    }
}

#[test]
fn responses_in_variables() {
    let mut host = fixture(serde_json::json!({}));
    let headers = vec![("X".into(), vec!["1".into(), "2".into()])];
    let response = Response::new(201, "Created", headers, bytes::Bytes::from_static(b"{\"token\":\"t\"}"));
    host.set("r", Value::response(response));
    host.set("a", Value::authorization("tok"));
    for (text, expected) in [
        (r#"((IResponse)context.Variables["r"]).StatusCode"#, "201"),
        (r#"((IResponse)context.Variables["r"]).StatusReason"#, "'Created'"),
        (r#"((IResponse)context.Variables["r"]).Headers["x"]"#, "['1', '2']"),
        (r#"((IResponse)context.Variables["r"]).Headers.GetValueOrDefault("X", "")"#, "'1,2'"),
        (r#"(string)((IResponse)context.Variables["r"]).Body.As<JObject>(preserveContent: true)["token"]"#, "'t'"),
        (r#"((IResponse)context.Variables["r"]).Body.As<JObject>()["token"].ToString()"#, "'t'"),
        (r#"((IResponse)context.Variables["r"]).Body.As<string>()"#, "null"),
        (r#"context.Variables.GetValueOrDefault<IResponse>("r")?.StatusCode ?? 0"#, "201"),
        (r#"((Authorization)context.Variables["a"]).AccessToken"#, "'tok'"),
        (r#"((Authorization)context.Variables.GetValueOrDefault("a"))?.AccessToken"#, "'tok'"),
    ] {
        let value =
            compiled(text).evaluate(&mut host, &Bounds::DEFAULT).unwrap_or_else(|thrown| panic!("{text}: {thrown}"));
        assert_eq!(super::show(&value), expected, "{text}");
    }
}

#[test]
fn traces_and_constants() {
    let mut host = fixture(serde_json::json!({}));
    compiled("{ context.Trace(\"seen \" + 1); return 0; }").evaluate(&mut host, &Bounds::DEFAULT).expect("runs");
    assert_eq!(host.traces, ["seen 1"]);
    assert_eq!(compiled("5").constant().and_then(Value::as_long), Some(5));
    assert!(compiled("context.Api.Id").constant().is_none());
    assert_eq!(compiled("context.Api.Id").result_type().map(|of| of.to_string()), Some("string".to_owned()));
    assert_eq!(
        compiled("context.Response.StatusCode == 200").result_type().map(|of| of.to_string()),
        Some("bool".to_owned())
    );
}
