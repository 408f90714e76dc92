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
            host: host
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
