package import LambdaAPI
package import MetadataStore

/// Which record a change is of, as processes that share a database tell each other. Who hears it reads the record, which may
/// have changed again by then; so nobody replaces newer with older.
package enum ChangeNotice: Sendable, Equatable {
    case function(FunctionName)
    case version(FunctionName, Int)

    /// The notice of a change.
    package init?(_ change: FunctionChange) {
        switch change {
        case .written(let record): self = .function(record.name)
        case .deleted(let name): self = .function(name)
        case .versionWritten(let record): self = .version(record.functionName, record.number)
        case .versionDeleted(let name, let number): self = .version(name, number)
        case .missed: return nil
        }
    }

    /// As it is sent. Names have no spaces.
    package var text: String {
        switch self {
        case .function(let name): "function \(name)"
        case .version(let name, let number): "version \(name) \(number)"
        }
    }

    /// Reads what ``text`` has written; nil for anything else.
    package init?(text: String) {
        let words = text.split(separator: " ")
        switch words.first {
        case "function" where words.count == 2:
            self = .function(FunctionName(String(words[1])))
        case "version" where words.count == 3:
            guard let number = Int(words[2]) else { return nil }
            self = .version(FunctionName(String(words[1])), number)
        default: return nil
        }
    }

    /// The record as it is now.
    package func change(in database: any SQLTransaction) throws -> FunctionChange {
        switch self {
        case .function(let name):
            try FunctionRow.fetch(name.rawValue, in: database).map { .written(try $0.record()) } ?? .deleted(name)
        case .version(let name, let number):
            try VersionRow.fetch(name.rawValue, number, in: database).map { .versionWritten(try $0.record()) }
                ?? .versionDeleted(name, number)
        }
    }
}
