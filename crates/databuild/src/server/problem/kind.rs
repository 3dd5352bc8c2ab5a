//! The kinds of problems: a closed list, each with its name, status, title and remedy.

use axum::http::StatusCode;

/// What is to be said about a kind of problem, wherever it occurs.
pub(super) struct About {
    pub(super) slug: &'static str,
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) remedy: &'static str,
}

macro_rules! kinds {
    ($($kind:ident: $slug:literal, $status:ident, $title:literal, $remedy:literal;)*) => {
        /// The kinds of problems. The last part of `type`, and for ever the name of that kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Slug { $($kind),* }

        impl Slug {
            /// All kinds.
            pub(crate) const ALL: &[Slug] = &[$(Slug::$kind),*];

            pub(super) const fn about(self) -> About {
                match self {
                    $(Slug::$kind => About {
                        slug: $slug,
                        status: StatusCode::$status,
                        title: $title,
                        remedy: $remedy,
                    }),*
                }
            }
        }
    };
}

kinds! {
    InvalidParameter: "invalid-parameter", BAD_REQUEST,
        "A parameter is not valid",
        "Correct what `errors` names; the parameters of each path are in /api/v1/openapi.json.";
    MalformedRequest: "malformed-request", BAD_REQUEST,
        "This is not a request that can be read",
        "Speak HTTP/1.1 without TLS (http://, not https://), and percent-encode the address.";
    InvalidBody: "invalid-body", BAD_REQUEST,
        "The body cannot be understood",
        "Send one JSON object as described in /api/v1/openapi.json.";
    HostNotAllowed: "host-not-allowed", MISDIRECTED_REQUEST,
        "This service does not answer to that host name",
        "Use http://localhost, http://127.0.0.1 or http://[::1] with the port of the service.";
    CrossSite: "cross-site", FORBIDDEN,
        "A page of another site may not do this",
        "Send the request from a program, or from a page that this service served.";
    RunNotFound: "run-not-found", NOT_FOUND,
        "There is no such job run",
        "Look for the run in /api/v1/jobs or with `databuild runs`; `near` has similar ids.";
    BuildNotFound: "build-not-found", NOT_FOUND,
        "There is no such build",
        "Look for the build in /api/v1/builds or with `databuild runs`.";
    PartitionNotFound: "partition-not-found", NOT_FOUND,
        "Nothing is known about this partition",
        "Look for it in /api/v1/partitions; percent-encode the ref, its slashes too.";
    PipelineNotFound: "pipeline-not-found", NOT_FOUND,
        "There is no such pipeline",
        "Look for it in /api/v1/saver/pipelines; pipelines are blocks of databuild.toml.";
    NotFound: "not-found", NOT_FOUND,
        "There is nothing at this path",
        "The paths of this service are in /api/v1/openapi.json.";
    MethodNotAllowed: "method-not-allowed", METHOD_NOT_ALLOWED,
        "This path does not take that method",
        "Use one of the methods in the `Allow` header.";
    NotAcceptable: "not-acceptable", NOT_ACCEPTABLE,
        "None of the accepted forms can be given",
        "Ask for one of the media types in `detail`, or leave `Accept` out.";
    RequestTimeout: "request-timeout", REQUEST_TIMEOUT,
        "The request did not arrive in time",
        "Send the whole body without long pauses.";
    NotRunningHere: "not-running-here", CONFLICT,
        "Another process runs this",
        "Stop it where it was started, with Ctrl-C; this service only stops its own builds.";
    AlreadyEnded: "already-ended", CONFLICT,
        "This has ended already",
        "Nothing is left to do; read its state with GET.";
    CursorExpired: "cursor-expired", GONE,
        "The cursor points to what is no longer there",
        "Start again without `cursor`.";
    BodyTooLarge: "body-too-large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        "Send at most 1 MiB; split a large request into several builds.";
    UnsupportedMediaType: "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The body has a form that is not taken here",
        "Send `Content-Type: application/json`.";
    ConfigInvalid: "config-invalid", UNPROCESSABLE_ENTITY,
        "The project's configuration is not valid",
        "Run `databuild check` in the project; it names every error with its line.";
    PlanInvalid: "plan-invalid", UNPROCESSABLE_ENTITY,
        "What is wanted cannot be planned",
        "Correct what `errors` names; `databuild build -n REF` shows the same.";
    TooManyRequests: "too-many-requests", TOO_MANY_REQUESTS,
        "The service is at its limit",
        "Wait as long as `Retry-After` says, then try again.";
    HeadersTooLarge: "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The address and headers are too large",
        "Send at most 32 KiB before the body; clear cookies of other services on localhost.";
    Internal: "internal", INTERNAL_SERVER_ERROR,
        "The service failed",
        "This is our defect. Report it with `request_id` and what the service printed.";
    NotReady: "not-ready", SERVICE_UNAVAILABLE,
        "The service cannot do this now",
        "Ask /readyz?verbose what is missing, then try again.";
    AnswerTimeout: "answer-timeout", SERVICE_UNAVAILABLE,
        "The answer took too long",
        "Ask for less (`since`, `limit`), and check the disk that holds the logs.";
    StoreUnwritable: "store-unwritable", INSUFFICIENT_STORAGE,
        "Logs or state cannot be written",
        "Free space, or correct the permissions of the folder that `detail` names.";
}

impl Slug {
    /// The name in URLs.
    pub(crate) const fn as_str(self) -> &'static str {
        self.about().slug
    }

    /// The HTTP status of every problem of this kind.
    pub(crate) const fn status(self) -> StatusCode {
        self.about().status
    }

    /// The kind with this name.
    pub(crate) fn parse(text: &str) -> Option<Slug> {
        Slug::ALL.iter().copied().find(|slug| slug.as_str() == text)
    }

    /// The page about this kind.
    pub(crate) fn page(self) -> String {
        let About { slug, status, title, remedy } = self.about();
        format!("{title}\n\nproblem  {slug}\nstatus   {status}\n\nWhat to do: {remedy}\n")
    }
}
