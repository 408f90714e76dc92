import EventQueue
import LambdaAPI
import Synchronization

/// Functions that a test has made up.
final class FakeTargets: EventTargets {
    static let locality = Locality(accountID: "000000000000", region: "us-east-1")

    private struct State {
        var targets: [FunctionReference: EventTarget] = [:]
        var failure: LambdaError?
    }

    private let state = Mutex(State())
    /// Whether functions have to be asked for.
    private let areUnknown: Bool

    init(areUnknown: Bool = false) {
        self.areUnknown = areUnknown
    }

    /// Adds a function, in place of one that was there.
    func add(
        _ name: String,
        qualifier: String? = nil,
        version: FunctionVersion = .latest,
        _ settings: EventSettings = EventSettings(),
        isStopped: Bool = false,
        allowsLoop: Bool = false
    ) {
        let target = EventTarget(
            function: Self.function(name, version),
            settings: settings,
            isStopped: isStopped,
            allowsLoop: allowsLoop
        )
        let reference = FunctionReference(FunctionName(name), qualifier: qualifier.map { Qualifier($0) })
        state.withLock { $0.targets[reference] = target }
    }

    func remove(_ name: String) {
        state.withLock { state in
            state.targets = state.targets.filter { $0.key.name != FunctionName(name) }
        }
    }

    /// Has every look at the functions fail, or none any more.
    func fail(with error: LambdaError?) {
        state.withLock { $0.failure = error }
    }

    static func function(_ name: String, _ version: FunctionVersion = .latest) -> InvocableFunction {
        InvocableFunction(
            configurationID: .init("c"),
            locality: locality,
            name: FunctionName(name),
            version: version,
            runtime: "python3.11",
            handler: "app.handler",
            timeoutSeconds: 3,
            memoryMegabytes: 128,
            ephemeralStorageMegabytes: 512,
            environment: [:],
            codeHash: ""
        )
    }

    // MARK: EventTargets

    func knownTarget(of reference: FunctionReference) -> EventTarget? {
        guard !areUnknown else { return nil }
        return state.withLock { $0.failure == nil ? $0.targets[reference] : nil }
    }

    func target(of reference: FunctionReference) async throws(LambdaError) -> EventTarget {
        let (target, failure) = state.withLock { ($0.targets[reference], $0.failure) }
        if let failure { throw failure }
        guard let target else { throw .resourceNotFound("Function not found: \(reference.name)") }
        return target
    }
}
