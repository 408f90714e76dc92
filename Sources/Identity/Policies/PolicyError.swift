/// Why a text is no policy, with IAM's text for its `MalformedPolicyDocument`.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text for the client.
    package let message: String

    package var description: String { message }

    /// The text is no JSON, or has another shape than a policy.
    static let syntax = PolicyError(message: "Syntax errors in policy.")
    static let noJSON = PolicyError(message: "This policy contains invalid Json")
    static let otherThanAssuming = PolicyError(message: "AssumeRole policy may only specify STS AssumeRole actions.")
    static let noActions = PolicyError(message: "Policy statement must contain actions.")
    static let noResources = PolicyError(message: "Policy statement must contain resources.")
    static let noPrincipals = PolicyError(message: "Policy statement must contain principals.")
    static let noVendor = PolicyError(
        message: "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    )
    static let principalInIdentityPolicy = PolicyError(message: "Policy document should not specify a principal.")
    static let resourceInTrustPolicy = PolicyError(message: "Has prohibited field Resource")
    static let sameStatementTwice = PolicyError(message: "Statement IDs (SID) in a single policy must be unique.")

    static let invalidStatementID = PolicyError(
        message: "Statement IDs (SID) must be alpha-numeric. "
            + "Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )

    static func missingField(_ name: String) -> PolicyError {
        PolicyError(message: "Missing required field \(name)")
    }

    static func invalidResource(_ resource: String) -> PolicyError {
        PolicyError(message: "Resource \(resource) must be in ARN format or \"*\".")
    }

    static func invalidPrincipal(kind: String, _ name: String) -> PolicyError {
        PolicyError(message: "Invalid principal in policy: \"\(kind.uppercased())\":\"\(name)\"")
    }

    static func invalidCondition(_ name: String) -> PolicyError {
        PolicyError(message: "Invalid Condition type : \(name)")
    }
}
