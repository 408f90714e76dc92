import Crypto

/// A version of a language runtime, as INIT_START lines and configurations name it. Source: `spec/control-plane.md`
/// section 3, other ARNs.
package struct RuntimeVersion: Hashable, Sendable {
    /// Such as `python:3.11.v1`.
    package let name: String
    /// Names the version by 64 hexadecimal digits.
    package let arn: String

    /// The version that serves a runtime here, of which there is one at a time.
    ///
    /// - Parameter runtime: The runtime's identifier, such as `python3.11`.
    package init(of runtime: String, in locality: Locality) {
        let family = runtime.prefix { !$0.isNumber }
        let number = runtime.dropFirst(family.count)
        name = number.isEmpty ? "\(runtime).v1" : "\(family):\(number).v1"
        // Lambda names a runtime's version by a hash; so does this, of the only thing that it depends on here.
        let hash = SHA256.hash(data: Array(name.utf8)).hexadecimalText
        arn = "arn:aws:lambda:\(locality.region)::runtime:\(hash)"
    }
}
