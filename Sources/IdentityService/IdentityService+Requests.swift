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
        let form = QueryForm(form)
        do {
            guard let action = form["Action"], !action.isEmpty else { throw IdentityError.missingAction }
            let response = try await response(to: action, of: service, form, caller)
            let body = service.body(of: action, response, requestID: requestID.rawValue)
            return QueryAnswer(status: 200, body: body)
        } catch {
            let error = error as? IdentityError ?? .failure(cause: error)
            let body = service.body(of: error, requestID: requestID.rawValue)
            return QueryAnswer(status: error.code.httpStatus, body: body, failure: error.cause)
        }
    }

    private func response(
        to action: String,
        of service: QueryService,
        _ form: QueryForm,
        _ caller: CallerIdentity
    ) async throws(IdentityError) -> (any XMLEncodable)? {
        guard form["Version"] == service.version else {
            throw .unknownAction(action, version: form["Version"] ?? "NO_VERSION_SPECIFIED")
        }
        switch service {
        case .iam:
            if let operation = IAMOperation(rawValue: action) { return try await dispatch(operation, form, to: self) }
            guard IAMOperation.others.contains(action) else { break }
            throw .notImplemented(action, of: service, hint: "It has roles and managed policies only.")
        case .sts:
            if action == "GetCallerIdentity" { return caller }
            guard Self.notImplementedBySTS.contains(action) else { break }
            throw .notImplemented(action, of: service, hint: "It gives out no temporary credentials; use your own.")
        }
        throw .unknownAction(action, version: service.version)
    }
}
