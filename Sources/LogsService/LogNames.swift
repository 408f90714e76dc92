import LambdaAPI
import LogsAPI

/// The ARNs of groups and streams, and the ways in which a request names a group.
struct LogNames: Sendable {
    let locality: Locality

    private var prefix: String { "arn:aws:logs:\(locality.region):\(locality.accountID):log-group:" }

    /// A group's ARN, without the `:*` that stands for its streams.
    func arn(ofGroup name: String) -> String { prefix + name }

    func arn(ofStream stream: String, group: String) -> String {
        "\(prefix)\(group):log-stream:\(stream)"
    }

    /// The group that a request names with one of two members.
    func group(name: String?, identifier: String?) throws(LogsError) -> String {
        switch (name, identifier) {
        case (let name?, nil): return name
        case (nil, let identifier?): return try group(identifier: identifier)
        case (nil, nil), (.some, .some):
            throw .invalidParameter("Exactly one of logGroupName and logGroupIdentifier must be specified.")
        }
    }

    /// The group that a name or an ARN stands for. One of another account or region is not here.
    func group(identifier: String) throws(LogsError) -> String {
        guard identifier.hasPrefix("arn:") else { return identifier }
        guard identifier.hasPrefix(prefix) else { throw .groupNotFound }
        let name = identifier.dropFirst(prefix.count)
        return String(name.hasSuffix(":*") ? name.dropLast(2) : name)
    }

    /// The group whose tags a request is about.
    func group(resourceARN: String) throws(LogsError) -> String {
        guard resourceARN.hasPrefix("arn:") else {
            throw .invalidParameter("The resourceArn must be the ARN of a log group, such as \(arn(ofGroup: "NAME")).")
        }
        return try group(identifier: resourceARN)
    }
}
