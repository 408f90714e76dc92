import FoundationEssentials
import IdentityAPI

/// A part of a list, and the marker of where the next part begins. A marker stays good while the list changes.
struct Page<Element> {
    static var elementsDefault: Int { 100 }

    var elements: [Element] = []
    /// Nil on the last page.
    var marker: String?

    var isTruncated: Bool { marker != nil }

    /// An empty page.
    init() {}

    /// A page of a list that is at hand whole.
    ///
    /// - Parameter key: What the list is sorted by; no two elements have the same.
    init(
        of list: [Element],
        by key: (Element) -> String,
        _ limit: Int?,
        from marker: String?
    ) throws(IdentityError) {
        let last = try marker.map { text throws(IdentityError) in try Self.key(text) }
        let rest = list.map { (key: key($0), element: $0) }.sorted { $0.key < $1.key }
            .filter { entry in last.map { entry.key > $0 } ?? true }
        self.init(rest.map(\.element), by: key, limit ?? Self.elementsDefault)
    }

    /// A page of what is left of a list, or of its beginning that is longer than the page.
    init(_ rest: [Element], by key: (Element) -> String, _ limit: Int) {
        elements = Array(rest.prefix(limit))
        guard rest.count > limit else { return }
        marker = elements.last.map { Data(key($0).utf8).base64EncodedString() }
    }

    /// The key that a marker stands for.
    static func key(_ marker: String) throws(IdentityError) -> String {
        guard let data = Data(base64Encoded: marker), let key = String(validating: data, as: UTF8.self) else {
            throw .invalidMarker
        }
        return key
    }
}
