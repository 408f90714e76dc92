import Testing

@testable import ManagerRole

/// Environments that are lent to frontends for several invokes.
struct LendingTests {
    private typealias Environment = RemoteEnvironmentState<String, Int>

    @Test func oneThatIsGivenToOneInvokeOnlyIsNotLent() {
        var environment = Environment(idle: 1)
        guard case .reserve(1) = environment.runRequested("a", followers: 0, isReachable: true, at: 0) else {
            Issue.record("it was not given")
            return
        }
        #expect(!environment.isLent)
        #expect(environment.isBusy)
    }

    @Test func whatWasNotUsedComesBackWithIt() {
        var environment = Environment(idle: 1)
        _ = environment.runRequested("a", followers: 10, isReachable: true, at: 0)
        #expect(environment.isLent)
        guard case .idle(after: "a", unused: 7) = environment.becameIdle(2, followers: 3) else {
            Issue.record("seven were not used")
            return
        }
        #expect(environment.isIdle)
    }

    @Test func oneThatIsFoundRunningIsLentNoMore() {
        var environment = Environment(idle: 1)
        _ = environment.runRequested("a", followers: 10, isReachable: true, at: 0)
        let isNews = (environment.foundRunning(), environment.foundRunning())
        #expect(isNews == (true, false))
        #expect(!environment.isLent)
        guard case .end("a") = environment.ended() else {
            Issue.record("the invoke is over with the environment")
            return
        }
    }

    @Test func oneThatCannotBeReachedIsNotGivenUntilItsWorkerTellsOfIt() {
        var environment = Environment(idle: 1)
        guard case .refuse = environment.runRequested("a", followers: 0, isReachable: false, at: 0) else {
            Issue.record("it was given")
            return
        }
        guard case .refuse = environment.runRequested("b", followers: 0, isReachable: true, at: 0) else {
            Issue.record("it was given before its worker had told of it")
            return
        }
        guard case .idle(after: nil, unused: 0) = environment.becameIdle(2, followers: 0) else {
            Issue.record("nothing had run")
            return
        }
        guard case .reserve(2) = environment.runRequested("c", followers: 0, isReachable: true, at: 0) else {
            Issue.record("it was not given")
            return
        }
    }

    @Test func oneThatWasReservedInVainRestsUntilItsWorkerIsAsked() {
        var environment = Environment(idle: 1)
        _ = environment.runRequested("a", followers: 10, isReachable: true, at: 0)
        // A token of before.
        let early = environment.wasNotUsed(0, at: 3)
        let given = environment.wasNotUsed(1, at: 3)
        let late = environment.wasNotUsed(1, at: 3)
        #expect(early == nil && given?.invoke == "a" && given?.followers == 10 && late == nil)
        #expect(!environment.isBusy && !environment.isIdle && !environment.isLent)
        #expect(!environment.isDoubtful(at: 7, after: 5) && environment.isDoubtful(at: 8, after: 5))
        guard case .idle(after: nil, unused: 0) = environment.becameIdle(2, followers: 0) else {
            Issue.record("its invoke was over before")
            return
        }
        #expect(environment.isIdle)
    }
}
