// The smallest function: greets whoever the event names.

export const handler = async (event, context) => {
    const name = event.name ?? 'world';
    console.log(`greeting ${name}`);
    return { greeting: `Hello, ${name}!`, requestId: context.awsRequestId };
};
