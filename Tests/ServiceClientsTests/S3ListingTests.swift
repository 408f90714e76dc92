import LambdaAPI
import NIOHTTP1
import Testing

@testable import ServiceClients

struct S3ListingTests {
    private static let document = """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a/</Prefix>
        <IsTruncated>true</IsTruncated><NextContinuationToken>1/x+y&amp;=</NextContinuationToken>
        <Contents><Key>a/&lt;1&gt;.zip</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>
        <Owner><ID>Key</ID></Owner></Contents>
        <Contents><Key>a/2</Key><LastModified>2024-01-01T01:00:00Z</LastModified><Size>7</Size></Contents>
        <CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></ListBucketResult>
        """

    @Test func objectsAndTokenAreRead() {
        let listing = S3ListingDocument(Self.document.utf8)
        #expect(listing.isWhole)
        #expect(
            listing.objects == [
                S3ListingDocument.Object(key: "a/<1>.zip", lastModified: "2024-01-01T00:00:00.000Z"),
                S3ListingDocument.Object(key: "a/2", lastModified: "2024-01-01T01:00:00Z"),
            ]
        )
        #expect(listing.nextToken == "1/x+y&=")
    }

    @Test func emptyListIsOne() {
        let listing = S3ListingDocument("<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>".utf8)
        #expect(listing.isWhole && listing.objects.isEmpty && listing.nextToken == nil)
    }

    /// What is cut off or another document must not pass for a bucket in which there is less.
    @Test func whatIsNoWholeListIsTold() {
        for document in [String(Self.document.dropLast(30)), "", "<html></html>", "{}"] {
            #expect(!S3ListingDocument(document.utf8).isWhole)
        }
    }

    @Test func listIsAskedForByPrefixAndToken() {
        let first = S3Client.listRequest(bucket: "b", prefix: "a/b c/", after: nil)
        #expect(first.method == .GET && first.path == "/b")
        #expect(first.query == "list-type=2&max-keys=500&prefix=a%2Fb%20c%2F")
        let next = S3Client.listRequest(bucket: "b", prefix: "a/", after: "1/x+y&=")
        #expect(next.query == "continuation-token=1%2Fx%2By%26%3D&list-type=2&max-keys=500&prefix=a%2F")
    }

    @Test(
        arguments: [
            ("Mon, 01 Jan 2024 00:00:10 GMT", 10), ("Sun, 31 Dec 2023 23:59:50 GMT", -10), (nil, nil), ("now", nil),
            ("Mon, 01 Foo 2024 00:00:10 GMT", nil), ("Mon, 01 Jan 2024 00:00:10 UTC", nil),
            ("Mon, 1 Jan 2024 00:00:10 GMT", nil),
        ] as [(String?, Int?)]
    )
    func ageIsByTheDateOfTheAnswer(date: String?, seconds: Int?) {
        let headers = date.map { HTTPHeaders([("Date", $0)]) } ?? [:]
        let age = S3Client.age(
            of: Timestamp(rfc3339: "2024-01-01T00:00:00Z"),
            in: ServiceAnswer(status: 200, headers: headers, body: [])
        )
        #expect(age == seconds.map { Duration.seconds($0) })
    }

    @Test(arguments: [
        "Wed, 25 Nov 2026 11:58:44 GMT", "Wed, 09 Sep 2026 00:00:00 GMT", "Thu, 29 Feb 2024 23:59:59 GMT",
    ])
    func datesOfHeadersAreRead(text: String) throws {
        let parts = text.split(separator: " ")
        let date = try #require(Timestamp(httpDate: text))
        #expect(date.zuluText.contains("T\(parts[4])."))
        #expect(date.date.day == Int(parts[1]) && date.date.year == Int(parts[3]))
    }
}
