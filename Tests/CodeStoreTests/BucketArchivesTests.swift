import LambdaAPI
import Testing

@testable import CodeStore

/// What is particular to a bucket: the way to it, and that others use it.
struct BucketArchivesTests {
    private let bucket: TestBucket
    private let content: [UInt8]
    private let hash: CodeHash

    init() async throws {
        bucket = try await TestBucket()
        content = try TestBucket.noise(9 << 20)
        hash = CodeHash(of: content)
    }

    private var key: String { "some/packages/\(hash).zip" }

    private func code(
        _ body: () async throws(CodeStoreError) -> Void,
        saying text: String = ""
    ) async -> CodeStoreError.Code? {
        do throws(CodeStoreError) {
            try await body()
            return nil
        } catch {
            #expect(error.description.contains(text), "\(error)")
            #expect(error.description.contains(bucket.name))
            return error.code
        }
    }

    @Test func objectIsNamedByPrefixAndHash() async throws {
        try await bucket.archives().put([1, 2, 3], as: CodeHash(of: [1, 2, 3]))
        let key = "some/packages/\(CodeHash(of: [1, 2, 3])).zip"
        #expect(try await bucket.asked("PUT").last == "PUT /\(bucket.name)/\(key)")
        #expect(try await bucket.archives(prefix: "").list().isEmpty)
        #expect(try await bucket.archives(prefix: "some/").list().isEmpty)
    }

    @Test func objectsThatAreNoPackagesAreNotSeen() async throws {
        let hash = CodeHash(of: [1])
        for key in [
            "other", "\(hash)", "\(hash).zip.old", "x\(hash).zip", "deeper/\(hash).zip",
            "\("\(hash)".uppercased()).zip",
        ] {
            try await bucket.put([1], key: "some/packages/\(key)")
        }
        try await bucket.put([1], key: "\(hash).zip")
        #expect(try await bucket.archives().list().isEmpty)
    }

    @Test func listHasAllPages() async throws {
        let archives = bucket.archives()
        for number in 0..<7 { try await archives.put([UInt8(number)], as: CodeHash(of: [UInt8(number)])) }
        try await bucket.inject(.init(kind: "pages", size: 2))
        #expect(try await Set(archives.list().keys) == Set((0..<7).map { CodeHash(of: [UInt8($0)]) }))
        #expect(try await bucket.asked("GET").count == 4)
    }

    /// An hour on the server's clock, whatever this host's says.
    @Test(arguments: [3600, -3600])
    func ageIsByTheServersClock(seconds: Int) async throws {
        let archives = bucket.archives()
        try await archives.put([1], as: CodeHash(of: [1]))
        try await bucket.inject(.init(kind: "date", seconds: seconds))
        let ages = try await [archives.age(of: CodeHash(of: [1])), archives.list()[CodeHash(of: [1])]]
        for age in ages {
            let difference = try #require(age) - .seconds(seconds)
            #expect(difference > .seconds(-5) && difference < .seconds(600))
        }
    }

    // MARK: What may pass

    @Test(arguments: [("PUT", 503, "SlowDown"), ("PUT", 500, "InternalError"), ("HEAD", 503, "SlowDown")])
    func refusalThatMayPassIsTriedAgain(method: String, status: Int, code: String) async throws {
        try await bucket.inject(.status(status, code, to: method, count: 2))
        try await bucket.archives().put([1], as: CodeHash(of: [1]))
        #expect(try await bucket.asked(method).filter { $0.hasSuffix(".zip") }.count == 3)
        #expect(try await bucket.archives().get(CodeHash(of: [1])) == [1])
    }

    @Test func attemptsHaveAnEnd() async throws {
        let archives = bucket.archives()
        try await archives.put([1], as: CodeHash(of: [1]))
        for method in ["PUT", "HEAD", "GET", "DELETE"] {
            try await bucket.inject(.status(503, "SlowDown", to: method))
            let before = try await bucket.asked(method).count
            let hash = CodeHash(of: [1])
            let text = method == "HEAD" ? "503" : "SlowDown"
            let code = await code(
                { () throws(CodeStoreError) in
                    switch method {
                    case "PUT": try await archives.put([1], as: hash)
                    case "HEAD": _ = try await archives.age(of: hash)
                    case "GET": _ = try await archives.get(hash)
                    default: try await archives.remove(hash)
                    }
                },
                saying: text
            )
            #expect(code == .unreachable)
            #expect(try await bucket.asked(method).count == before + 4)
        }
    }

    @Test(arguments: [(403, "AccessDenied"), (404, "NoSuchBucket")])
    func refusalForGoodIsNotTriedAgain(status: Int, code: String) async throws {
        let archives = bucket.archives()
        for method in ["PUT", "GET", "DELETE"] {
            try await bucket.inject(.status(status, code, to: method))
            let before = try await bucket.asked(method).count
            let result = await self.code(
                { () throws(CodeStoreError) in
                    switch method {
                    case "PUT": try await archives.put([1], as: CodeHash(of: [1]))
                    case "GET": _ = try await archives.get(CodeHash(of: [1]))
                    default: try await archives.remove(CodeHash(of: [1]))
                    }
                },
                saying: code
            )
            #expect(result == .unreachable, "\(method)")
            #expect(try await bucket.asked(method).count == before + 1)
        }
    }

    /// Damaged, broken off in the middle, or stuck there.
    @Test(arguments: ["damage", "break", "stall"])
    func spoiltTransferIsTriedAgain(kind: String) async throws {
        let archives = bucket.archives { $0.partTimeout = .seconds(kind == "stall" ? 10 : 30) }
        try await bucket.archives().put(content, as: hash)
        try await bucket.inject(.init(method: "GET", kind: kind, count: 1))
        #expect(try await archives.get(hash) == content)
        // Of two parts one is asked for again, or both, when only the whole shows the damage.
        #expect(try await bucket.asked("GET").count == (kind == "damage" ? 4 : 3))
        try await bucket.release()
    }

    @Test func archiveThatStaysDamagedIsNotGivenOut() async throws {
        try await bucket.archives().put([1, 2, 3], as: CodeHash(of: [1, 2, 3]))
        try await bucket.put([1, 2, 4], key: "some/packages/\(CodeHash(of: [1, 2, 3])).zip")
        let result = await code(
            { () throws(CodeStoreError) in
                _ = try await bucket.archives().get(CodeHash(of: [1, 2, 3]))
            },
            saying: "damaged"
        )
        #expect(result == .unavailable)
        #expect(try await bucket.asked("GET").count == 4)
        // Storing the package again puts it right.
        try await bucket.archives().put([1, 2, 3], as: CodeHash(of: [1, 2, 3]))
        #expect(try await bucket.archives().get(CodeHash(of: [1, 2, 3])) == [1, 2, 3])
    }

    @Test func objectThatVanishesWhileItIsReadIsNotFound() async throws {
        try await bucket.archives().put(content, as: hash)
        try await bucket.inject(.status(404, "NoSuchKey", to: "GET", after: 1))
        let result = await code { () throws(CodeStoreError) in _ = try await bucket.archives().get(hash) }
        #expect(result == .notFound)
    }

    /// Whoever has decided to remove it just before it was put.
    @Test func archiveThatIsGoneAfterItWasPutWasNotPut() async throws {
        try await bucket.inject(.status(404, "NoSuchKey", to: "HEAD"))
        let result = await code(
            { () throws(CodeStoreError) in
                try await bucket.archives().put([1], as: CodeHash(of: [1]))
            },
            saying: "not there"
        )
        #expect(result == .unavailable)
    }

    @Test func bodyThatIsNotWhatItsHashSaysIsRefused() async throws {
        let result = await code(
            { () throws(CodeStoreError) in
                try await bucket.archives().put([1], as: CodeHash(of: [2]))
            },
            saying: "BadDigest"
        )
        #expect(result == .unreachable)
        #expect(try await bucket.archives().list().isEmpty)
    }

    @Test func cancelledWaiterDoesNotTryAgain() async throws {
        let archives = bucket.archives { $0.retryDelay = .seconds(3600) }
        try await bucket.inject(.status(503, "SlowDown", to: "PUT"))
        let task = Task {
            await code { () throws(CodeStoreError) in try await archives.put([1], as: CodeHash(of: [1])) }
        }
        while try await bucket.asked("PUT").count < 2 { await Task.yield() }
        task.cancel()
        #expect(await task.value == .unreachable)
    }

    @Test func obstacleIsToldBeforeItMatters() async throws {
        #expect(await bucket.archives().obstacle() == nil)
        try await bucket.inject(.status(403, "AccessDenied", to: "GET"))
        let denied = await bucket.archives().obstacle()
        #expect(denied?.mayPass == false && denied?.reason.contains("AccessDenied") == true)
        try await bucket.inject(.status(503, "SlowDown", to: "GET"))
        #expect(await bucket.archives().obstacle()?.mayPass == true)
    }
}
