/// What a value of JSON has to be.
package indirect enum Shape: Sendable {
    case string
    case oneOf([String])
    case integer(ClosedRange<Int>)
    case boolean
    case array(Shape)
    case object([Member])
    /// Whatever it is.
    case any

    package static let count = Shape.integer(0...Int.max)

    /// A member of an object. Firecracker takes no others.
    package struct Member: Sendable {
        let name: String
        let shape: Shape
        let isRequired: Bool

        package static func required(_ name: String, _ shape: Shape) -> Member {
            Member(name: name, shape: shape, isRequired: true)
        }

        package static func optional(_ name: String, _ shape: Shape) -> Member {
            Member(name: name, shape: shape, isRequired: false)
        }
    }

    /// What is wrong with a value; `nil` if nothing is.
    package func problem(with value: JSONValue, at place: String = "the body") -> String? {
        switch (self, value) {
        case (.any, _), (.string, .string), (.boolean, .boolean):
            return nil
        case (.oneOf(let names), .string(let name)):
            return names.contains(name) ? nil : "\(place) is \(name), which is none of \(names)"
        case (.integer(let range), .number(let number)):
            guard let integer = Int(exactly: number) else { return "\(place) is no whole number" }
            return range.contains(integer) ? nil : "\(place) is \(integer), which is not in \(range)"
        case (.array(let shape), .array(let values)):
            return values.lazy.compactMap { shape.problem(with: $0, at: "an element of \(place)") }.first
        case (.object(let members), .object(let values)):
            for member in members {
                guard let value = values[member.name] else {
                    if member.isRequired { return "\(place) lacks \(member.name)" }
                    continue
                }
                if let problem = member.shape.problem(with: value, at: member.name) { return problem }
            }
            let unknown = Set(values.keys).subtracting(members.map(\.name)).sorted()
            return unknown.isEmpty ? nil : "\(place) has \(unknown), of which nothing is known"
        default:
            return "\(place) is of another kind"
        }
    }
}
