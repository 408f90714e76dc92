package import IdentityAPI
package import LambdaAPI

/// The answer to a request of the Query protocol, for whoever speaks HTTP to send as `text/xml`.
package struct QueryAnswer: Sendable {
    /// The HTTP status.
    package var status: Int
    /// XML.
    package var body: String
    /// What went wrong inside, for the log; nil when nothing did.
    package var failure: (any Error)?
}

extension IdentityService {
    private static let notImplementedBySTS: Set = [
        "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "DecodeAuthorizationMessage",
        "GetAccessKeyInfo", "GetDelegatedAccessToken", "GetFederationToken", "GetSessionToken", "GetWebIdentityToken",
    ]

    /// Answers a request to one of the two services.
    ///
    /// - Parameters:
    ///   - service: The service that the request is signed for.
    ///   - form: The pairs of the body's form, or of a GET's query.
    ///   - caller: Who has signed the request.
    ///   - requestID: What the response's header `x-amzn-RequestId` has, too.
    package func respond(
        service: QueryService,
        form: [(String, String)],
        caller: CallerIdentity,
        requestID: RequestID
    ) async -> QueryAnswer {
        await answer(by: service, requestID) { () async throws(IdentityError) in
            try await response(of: service, QueryForm(form), caller)
        }
    }

    /// The same for a form that is not taken apart yet, such as a body.
    package func respond(
        service: QueryService,
        urlEncoded form: String,
        caller: CallerIdentity,
        requestID: RequestID
    ) async -> QueryAnswer {
        await answer(by: service, requestID) { () async throws(IdentityError) in
            try await response(of: service, QueryForm(QueryForm.pairs(urlEncoded: form)), caller)
        }
    }

    private func answer(
        by service: QueryService,
        _ requestID: RequestID,
        _ body: () async throws(IdentityError) -> (action: String, response: (any XMLEncodable)?)
    ) async -> QueryAnswer {
        do {
            let (action, response) = try await body()
            return QueryAnswer(
                status: 200,
                body: service.body(of: action, response, requestID: requestID.rawValue)
            )
        } catch {
            return QueryAnswer(
                status: error.code.httpStatus,
                body: service.body(of: error, requestID: requestID.rawValue),
                failure: error.cause
            )
        }
    }

    private func response(
        of service: QueryService,
        _ form: QueryForm,
        _ caller: CallerIdentity
    ) async throws(IdentityError) -> (action: String, response: (any XMLEncodable)?) {
        guard let action = form["Action"], !action.isEmpty else { throw .missingAction }
        guard form["Version"] == service.version else {
            throw .unknownAction(action, version: form["Version"] ?? "NO_VERSION_SPECIFIED")
        }
        switch service {
        case .iam:
            if let operation = IAMOperation(rawValue: action) {
                return (action, try await dispatch(operation, form, to: self))
            }
            guard IAMOperation.others.contains(action) else { break }
            throw .notImplemented(action, of: service, hint: "It has roles and managed policies only.")
        case .sts:
            if action == "GetCallerIdentity" { return (action, caller) }
            guard Self.notImplementedBySTS.contains(action) else { break }
            throw .notImplemented(action, of: service, hint: "It gives out no temporary credentials; use your own.")
        }
        throw .unknownAction(action, version: service.version)
    }
}
