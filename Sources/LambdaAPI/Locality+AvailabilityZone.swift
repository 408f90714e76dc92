extension Locality {
    /// The ID of the first availability zone of the region, such as `use1-az1`: the region's name, abbreviated.
    package var availabilityZoneID: String {
        let parts = region.split(separator: "-")
        let abbreviated = parts.enumerated().map { index, part -> String in
            if index == 0 || part.allSatisfy(\.isNumber) { return String(part) }
            return Self.abbreviations[String(part)] ?? String(part.prefix(1))
        }
        return "\(abbreviated.joined())-az1"
    }

    private static let abbreviations = [
        "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "gov": "g",
    ]
}
