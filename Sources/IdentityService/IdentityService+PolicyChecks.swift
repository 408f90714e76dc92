import Identity
import IdentityAPI

extension IdentityService {
    /// What a document is for, which decides what it must have and must not have.
    enum PolicyPurpose {
        /// Who may assume a role.
        case trust
        /// What whoever has the policy may do; in a role, or managed.
        case inline, managed
    }

    /// Throws `MalformedPolicyDocument` with IAM's text for the first thing that is wrong with a document.
    static func checkPolicy(_ document: String, for purpose: PolicyPurpose) throws(IdentityError) {
        let policy: PolicyDocument
        do throws(PolicyError) {
            policy = try PolicyDocument(json: Array(document.utf8), kind: purpose == .trust ? .trust : .identity)
        } catch {
            throw IdentityError(.malformedPolicyDocument, error.message)
        }
        guard purpose != .managed || policy.isOfCurrentVersion else {
            throw IdentityError(
                .malformedPolicyDocument,
                "Policy document must be version 2012-10-17 or greater."
            )
        }
    }
}
