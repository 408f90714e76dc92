import Foundation
import FoundationXML

/// The texts of the members of one element of an XML document, wherever it stands. What is no XML has none.
struct XMLFields {
    private let texts: [String: String]

    init(of element: String, in document: some Sequence<UInt8>) {
        let reader = Reader(element)
        let parser = XMLParser(data: Data(document))
        parser.delegate = reader
        _ = parser.parse()
        texts = reader.texts
    }

    subscript(name: String) -> String? { texts[name] }
}

private final class Reader: NSObject, XMLParserDelegate {
    private(set) var texts: [String: String] = [:]
    private let element: String
    private var path: [String] = []

    init(_ element: String) {
        self.element = element
    }

    func parser(
        _ parser: XMLParser,
        didStartElement element: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String]
    ) {
        path.append(element)
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        guard let name = path.last, path.dropLast().last == element else { return }
        texts[name, default: ""] += text
    }

    func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
        path.removeLast()
    }
}
