import IdentityAPI
package import MetadataStore

/// Whether Lambda could assume a role: its trust policy allows `lambda.amazonaws.com` to do `sts:AssumeRole`. Without
/// that, Lambda refuses to create a function with the role.
package func assumableByLambda(_ role: RoleRecord) -> Bool {
    // What was stored has been checked; what cannot be read all the same allows nothing.
    guard let policy = try? PolicyDocument(role.trustPolicy, for: .trust) else { return false }
    return policy.allowsAssumption(byService: "lambda.amazonaws.com")
}
