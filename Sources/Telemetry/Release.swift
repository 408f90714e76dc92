/// Which release of Swiftlet this program is.
package enum Release {
    /// By semantic versioning. The hosts of a fleet tell it each other, so that a rolling upgrade can be followed.
    package static let version = "0.1.0-dev"
}
