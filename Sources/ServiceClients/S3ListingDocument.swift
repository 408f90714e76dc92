import Foundation
import FoundationXML

/// The answer to ListObjectsV2.
struct S3ListingDocument {
    struct Object: Hashable {
        var key = ""
        /// As the document has it: RFC 3339.
        var lastModified = ""
    }

    let objects: [Object]
    let nextToken: String?
    /// Whether the document is a list, and was there to its end.
    let isWhole: Bool

    init(_ document: some Sequence<UInt8>) {
        let reader = ListingReader()
        let parser = XMLParser(data: Data(document))
        parser.delegate = reader
        // A parser of what is cut off may be content with it.
        isWhole = parser.parse() && reader.isWholeListing
        objects = reader.objects
        nextToken = reader.nextToken
    }
}

private final class ListingReader: NSObject, XMLParserDelegate {
    private(set) var objects: [S3ListingDocument.Object] = []
    private(set) var nextToken: String?
    private(set) var isWholeListing = false
    private var path: [String] = []

    func parser(
        _ parser: XMLParser,
        didStartElement element: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String]
    ) {
        path.append(element)
        if path == ["ListBucketResult", "Contents"] { objects.append(S3ListingDocument.Object()) }
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        switch path.dropFirst() {
        case ["Contents", "Key"]: objects[objects.count - 1].key += text
        case ["Contents", "LastModified"]: objects[objects.count - 1].lastModified += text
        case ["NextContinuationToken"]: nextToken = (nextToken ?? "") + text
        default: break
        }
    }

    func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
        if path == ["ListBucketResult"] { isWholeListing = true }
        path.removeLast()
    }
}
