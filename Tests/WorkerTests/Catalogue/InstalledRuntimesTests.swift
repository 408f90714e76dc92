import FoundationEssentials
import Sandbox
import Testing

@testable import Worker

@Suite struct InstalledRuntimesTests {
    private static let host = TableHost(
        programs: ["/usr/bin/python3.11": "Python 3.11.2\n", "/usr/bin/node": "v20.20.2\n"],
        files: [
            "/client/python3.11/bootstrap.py", "/client/python3.11/awslambdaric/__init__.py",
            "/client/python3.11/awslambdaric/bootstrap.py", "/shipped/nodejs/bootstrap.cjs",
        ]
    )

    private static func installed(on host: TableHost = host) throws -> InstalledRuntimes {
        let json = try Data(contentsOf: URL(filePath: "\(ShippedCatalogue.directory)/catalogue.json"))
        return InstalledRuntimes(
            catalogue: try RuntimeCatalogue(json: json),
            directories: ["/shipped", "/client"],
            userlands: [RuntimeUserland(id: nil, runtime: nil, host: host)],
            architecture: host.architecture
        )
    }

    @Test func pythonIsStartedWithItsClientAndHandler() throws {
        let plan = try #require(
            Self.installed().launchPlan(for: "python3.11", handler: "app.handler", memoryMebibytes: 128)
        )
        #expect(plan.executables == ["/usr/bin/python3.11"])
        #expect(plan.argumentVector(executable: "/usr/bin/python3.11").last == "app.handler")
        #expect(plan.mounts == [ReadOnlyMount(source: "/client/python3.11", target: "/var/runtime")])
        #expect(plan.environment["PYTHONPATH"] == "/var/runtime")
        #expect(plan.environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11")
        #expect(plan.workingDirectory == "/var/task")
    }

    @Test func nodeGetsAShareOfTheFunctionsMemory() throws {
        let plan = try #require(
            Self.installed().launchPlan(for: "nodejs20.x", handler: "index.handler", memoryMebibytes: 1000)
        )
        #expect(plan.arguments.contains("--max-old-space-size=900"))
        #expect(plan.arguments.last == "/var/runtime/bootstrap.cjs")
        #expect(plan.environment["NODE_PATH"]?.hasPrefix("/opt/nodejs/node20/node_modules:") == true)
    }

    @Test(arguments: ["provided.al2023", "provided.al2"])
    func providedTakesItsBootstrapFromThePackage(identifier: String) throws {
        let plan = try #require(
            Self.installed(on: TableHost()).launchPlan(for: identifier, handler: "ignored", memoryMebibytes: 128)
        )
        #expect(plan.executables == ["/var/task/bootstrap", "/opt/bootstrap"])
        #expect(plan.argumentVector(executable: "/opt/bootstrap") == ["/opt/bootstrap"])
        #expect(plan.environment["AWS_EXECUTION_ENV"] == nil)
        #expect(plan.mounts.isEmpty)
    }

    @Test func anInterpreterOfAnotherVersionDoesNotCount() throws {
        let installed = try Self.installed()
        guard case .unavailable(let reason) = installed.availability(of: "nodejs22.x", architecture: "x86_64") else {
            Issue.record("node 20 passed for nodejs22.x")
            return
        }
        #expect(reason.contains("another version"))
        #expect(reason.contains("install Node.js 22"))
        #expect(installed.launchPlan(for: "nodejs22.x", handler: "a.b", memoryMebibytes: 128) == nil)
    }

    @Test func theFirstInterpreterOfTheRightVersionIsTaken() throws {
        var host = Self.host
        host.programs["/usr/local/bin/node22"] = "v22.1.0\n"
        let plan = try #require(
            Self.installed(on: host).launchPlan(for: "nodejs22.x", handler: "a.b", memoryMebibytes: 128)
        )
        #expect(plan.executables == ["/usr/local/bin/node22"])
    }

    @Test func aMissingClientIsNamed() throws {
        var host = Self.host
        host.files.remove("/client/python3.11/awslambdaric/bootstrap.py")
        guard
            case .unavailable(let reason) = try Self.installed(on: host)
                .availability(of: "python3.11", architecture: "x86_64")
        else {
            Issue.record("python3.11 is available without its client")
            return
        }
        #expect(reason.contains("lacks its runtime client"))
        #expect(reason.contains("scripts/bootstrap run"))
    }

    // Stand-ins.

    private static let rubyHost = TableHost(
        programs: ["/usr/bin/ruby3.1": "ruby 3.1.2p20\n", "/usr/bin/ruby": "ruby 3.1.2p20\n"],
        files: ["/shipped/ruby/bootstrap.rb", "/client/java/swiftlet-runtime.jar"]
    )

    @Test(arguments: ["ruby3.2", "ruby3.3", "ruby3.4"])
    func aNearbyInterpreterStandsInAndIsNamed(identifier: String) throws {
        let installed = try Self.installed(on: Self.rubyHost)
        guard
            case .available(let installation) = installed.availability(of: identifier, architecture: "x86_64")
        else {
            Issue.record("\(identifier) has no stand-in")
            return
        }
        #expect(installation.standInVersion == "3.1")
        let notice = try #require(installed.standInNotice(for: identifier))
        #expect(notice.hasPrefix("ruby 3.1 (/usr/bin/ruby3.1) stands in for "))
        #expect(notice.contains(" fails; install Ruby \(identifier.dropFirst("ruby".count))"))
        let plan = try #require(installed.launchPlan(for: identifier, handler: "a.b", memoryMebibytes: 128))
        #expect(plan.executables == ["/usr/bin/ruby3.1"])
        // The function's gems are where the runtime that it was built for looks for them.
        let version = identifier.dropFirst("ruby".count)
        #expect(plan.environment["GEM_PATH"]?.hasPrefix("/var/task/vendor/bundle/ruby/\(version).0:") == true)
        #expect(plan.environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_\(identifier)")
    }

    @Test func theRealInterpreterWins() throws {
        var host = Self.rubyHost
        host.programs["/usr/local/bin/ruby3.3"] = "ruby 3.3.5 (2024-09-03)\n"
        let installed = try Self.installed(on: host)
        let plan = try #require(installed.launchPlan(for: "ruby3.3", handler: "a.b", memoryMebibytes: 128))
        #expect(plan.executables == ["/usr/local/bin/ruby3.3"])
        #expect(installed.standInNotice(for: "ruby3.3") == nil)
        // And it is nearer to the others than the old one is.
        for identifier in ["ruby3.2", "ruby3.4"] {
            let other = try #require(installed.launchPlan(for: identifier, handler: "a.b", memoryMebibytes: 128))
            #expect(other.executables == ["/usr/local/bin/ruby3.3"])
        }
    }

    @Test func anotherMajorVersionDoesNotStandIn() throws {
        let installed = try Self.installed(on: Self.rubyHost)
        #expect(installed.launchPlan(for: "ruby4.0", handler: "a.b", memoryMebibytes: 128) == nil)
        #expect(installed.standInNotice(for: "ruby4.0") == nil)
    }

    @Test func eachStandInIsToldOnce() throws {
        let notices = StandInNotices(runtimes: try Self.installed(on: Self.rubyHost))
        #expect(notices.firstUse(of: "ruby3.3")?.hasPrefix("ruby3.3: ruby 3.1 ") == true)
        #expect(notices.firstUse(of: "ruby3.3") == nil)
        #expect(notices.firstUse(of: "ruby3.4") != nil)
        #expect(notices.firstUse(of: "provided.al2023") == nil)
        #expect(notices.firstUse(of: "python3.11") == nil)
    }

    @Test func runtimesWithoutStandInsHaveNone() throws {
        let installed = try Self.installed()
        #expect(installed.launchPlan(for: "python3.12", handler: "a.b", memoryMebibytes: 128) == nil)
        #expect(installed.standInNotice(for: "python3.11") == nil)
        #expect(installed.standInNotice(for: "nothing") == nil)
    }

    @Test func javaRunsOnANewerVirtualMachineNotOnAnOlderOne() throws {
        var host = Self.rubyHost
        host.programs["/usr/lib/jvm/java-17-openjdk-amd64/bin/java"] = "openjdk 17.0.15 2025-04-15\n"
        let installed = try Self.installed(on: host)
        for identifier in ["java8.al2", "java11", "java17", "java17.al2023"] {
            let plan = try #require(installed.launchPlan(for: identifier, handler: "a.B::c", memoryMebibytes: 128))
            #expect(plan.executables == ["/usr/lib/jvm/java-17-openjdk-amd64/bin/java"])
            #expect(plan.arguments.last == "a.B::c")
            // What is left is for the virtual machine itself.
            #expect(plan.arguments.contains("-XX:MaxHeapSize=76m"))
            #expect((installed.standInNotice(for: identifier) == nil) == identifier.hasPrefix("java17"))
        }
        #expect(installed.launchPlan(for: "java21", handler: "a.B::c", memoryMebibytes: 128) == nil)
    }

    @Test func aProgramIsAskedForItsVersionOnce() throws {
        let host = CountingHost(Self.rubyHost)
        let json = try Data(contentsOf: URL(filePath: "\(ShippedCatalogue.directory)/catalogue.json"))
        _ = InstalledRuntimes(
            catalogue: try RuntimeCatalogue(json: json),
            directories: ["/shipped"],
            userlands: [RuntimeUserland(id: nil, runtime: nil, host: host)]
        )
        #expect(host.asked == ["/usr/bin/ruby3.1": 1, "/usr/bin/ruby": 1])
    }

    @Test(arguments: ["python3.13", "java21", "ruby3.4", "dotnet8"])
    func aMissingRuntimeSaysHowToGetIt(identifier: String) throws {
        guard
            case .unavailable(let reason) = try Self.installed()
                .availability(of: identifier, architecture: "x86_64")
        else {
            Issue.record("\(identifier) is available")
            return
        }
        #expect(reason.hasPrefix("Runtime \(identifier) is not "))
        #expect(reason.contains("; "))
    }

    @Test func anotherArchitectureIsNotAvailable() throws {
        guard
            case .unavailable(let reason) = try Self.installed()
                .availability(of: "python3.11", architecture: "arm64")
        else {
            Issue.record("arm64 is available on x86_64")
            return
        }
        #expect(reason.contains("arm64"))
    }

    @Test func anExecWrapperTakesTheCommandLine() throws {
        let installed = try Self.installed()
        let plan = try #require(installed.launchPlan(for: "python3.11", handler: "a.b", memoryMebibytes: 128))
        let wrapped = plan.wrapped(by: "/opt/wrapper")
        #expect(wrapped.executables == ["/opt/wrapper"])
        #expect(wrapped.isWrapped && !plan.isWrapped)
        #expect(
            wrapped.argumentVector(executable: "/opt/wrapper") == ["/opt/wrapper", "/usr/bin/python3.11"]
                + plan.arguments
        )

        let provided = try #require(
            installed.launchPlan(for: "provided.al2023", handler: "a.b", memoryMebibytes: 128)
        )
        #expect(provided.wrapped(by: "/opt/wrapper") == provided)
    }

    @Test func thisHostIsAskedForReal() throws {
        let installed = try InstalledRuntimes.detect(in: [ShippedCatalogue.directory])
        #expect(installed.list.count >= 25)
        #expect(installed.launchPlan(for: "provided.al2023", handler: "", memoryMebibytes: 128) != nil)
    }

    @Test func directoriesWithoutACatalogueAreAnError() {
        let error = #expect(throws: RuntimeCatalogueError.self) {
            try InstalledRuntimes.detect(in: ["/nonexistent", "relative"])
        }
        #expect(error?.code == .unreadable)
    }
}
