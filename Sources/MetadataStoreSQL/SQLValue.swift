package import MetadataStore

/// A value of a parameter or a column.
package enum SQLValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case text(String)
    case blob([UInt8])
}

/// What can be a parameter, or be read from a column.
package protocol SQLConvertible: Sendable {
    /// The value as the database takes it.
    var sqlValue: SQLValue { get }

    /// Nil if the database has a value of another kind.
    init?(_ value: SQLValue)
}

extension Bool: SQLConvertible {
    package var sqlValue: SQLValue { .boolean(self) }

    package init?(_ value: SQLValue) {
        switch value {
        case .boolean(let value): self = value
        // SQLite has no others.
        case .integer(let value) where value == 0 || value == 1: self = value == 1
        default: return nil
        }
    }
}

extension Int: SQLConvertible {
    package var sqlValue: SQLValue { .integer(self) }

    package init?(_ value: SQLValue) {
        guard case .integer(let value) = value else { return nil }
        self = value
    }
}

extension String: SQLConvertible {
    package var sqlValue: SQLValue { .text(self) }

    package init?(_ value: SQLValue) {
        guard case .text(let value) = value else { return nil }
        self = value
    }
}

extension [UInt8]: SQLConvertible {
    package var sqlValue: SQLValue { .blob(self) }

    package init?(_ value: SQLValue) {
        guard case .blob(let value) = value else { return nil }
        self = value
    }
}

extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    package var sqlValue: SQLValue { self?.sqlValue ?? .null }

    package init?(_ value: SQLValue) {
        if value == .null {
            self = .none
        } else if let value = Wrapped(value) {
            self = .some(value)
        } else {
            return nil
        }
    }
}

/// A row that a statement has returned.
package struct SQLRow: Sendable {
    let values: [SQLValue]

    package init(_ values: [SQLValue]) {
        self.values = values
    }

    /// A column's value, by its position. Throws `.corrupt` if it is of another type.
    package func value<Value: SQLConvertible>(_ index: Int) throws(MetadataStoreError) -> Value {
        guard let value = Value(values[index]) else {
            throw MetadataStoreError(.corrupt, "failed to read column \(index) of a row: it is no \(Value.self)")
        }
        return value
    }
}
